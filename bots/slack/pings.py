"""Pure: what Slack would make a mention, a date or a masked link of, broken by a zero-width space.

How Slack reads its own `<…>` forms inside of Markdown is not documented, so they are broken wherever they stand, in
code too, and also where they are spelled with HTML entities, which may be decoded more than once on the way.
"""

from __future__ import annotations

import re
from html import unescape

BREAK = "\u200b"
_DECODINGS = 3  # more than anybody does by mistake

_LESS = r"(?:<|&(?:(?:amp|AMP|#0*38|#[xX]0*26);?)*(?:lt|LT|#0*60|#[xX]0*3[cC]);?)"
_BANG = r"(?:!|&(?:amp;)*(?:excl;|#0*33;?|#[xX]0*21;?))"
_AT = r"(?:@|&(?:amp;)*(?:commat;|#0*64;?|#[xX]0*40;?))"
_HASH = r"(?:#|&(?:amp;)*(?:num;|#0*35;?|#[xX]0*23;?))"
_WORD = r"(?i:here|channel|everyone|group|subteam|date)"
_USER, _PLACE = "(?i:[UW])", "(?i:[CGD])"
_ADDRESS = r"(?i:[a-z][a-z0-9+.-]{0,30}://|mailto:|tel:|javascript:|data:)[^<>|\s]*\|"
_FORM = re.compile(rf"{_LESS}(?={_BANG}{_WORD}|{_AT}{_USER}|{_HASH}{_PLACE}|{_ADDRESS})")
_DECODED = re.compile(rf"<(?:!{_WORD}|@{_USER}|#{_PLACE}|{_ADDRESS})")
_ALOUD = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)


def without_pings(text: str) -> str:
    """The text with Slack's `<!…>`, `<@…>`, `<#…>` and `<url|label>` broken, entity forms too; nothing else changes."""
    if "<" not in text and "&" not in text:
        return text
    text = _FORM.sub(lambda found: found[0] + BREAK, text)
    decoded = text
    for _ in range(_DECODINGS if "&" in text else 0):
        decoded = unescape(decoded)
        if _DECODED.search(decoded):
            return text.replace("&", f"&{BREAK}")
    return text


def unspoken(text: str) -> str:
    """The text with a plain `@here`, `@channel`, `@everyone` broken, which Slack obeys where it is told to look."""
    return _ALOUD.sub(f"@{BREAK}", text) if "@" in text else text
