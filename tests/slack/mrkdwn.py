"""What Slack, or any reader of Markdown, would make of a text: mentions, links, addresses, code.

Written from Slack's "Formatting message text" and from CommonMark, and knows nothing of how we render. Markdown is read
by markdown-it, as CommonMark with tables, once with HTML and once without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

TEXT_ONLY = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
PLAIN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
WITH_HTML = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
BARE_COMMONMARK = MarkdownIt("commonmark", {"html": False})
LINKING = {"link_open", "image", "html_inline", "html_block"}

MENTION = re.compile(
    r"<(?:@[UW]|#[CGD]|!(?:here|channel|everyone|group|subteam|date))"  # people, channels, specials
    r"|<(?:[a-z][a-z0-9+.-]*://|mailto:|tel:|javascript:|data:)[^<>|\s]*\|",  # a link under another name
    re.IGNORECASE,
)
SPOKEN = re.compile(r"(?<![\w/.=?&-])@(?:here|channel|everyone)\b", re.IGNORECASE)
ADDRESS = re.compile(
    r"(?:(?<![a-z0-9])www\.|[a-z][a-z0-9+.-]*://|(?<![a-z0-9+.-])(?:javascript|data|vbscript|slack):)[^\s<>]+",
    re.IGNORECASE,
)


def mentions(text: str) -> list[str]:
    """What calls, names or masks, as the text stands and after each of three rounds of decoding."""
    found: list[str] = []
    for _ in range(4):
        found += MENTION.findall(text)
        if "&" not in text:
            break
        text = unescape(text)
    return found


def _each(parsed: Sequence[Token]) -> Iterator[Token]:
    """The tokens, those within lines too."""
    for token in parsed:
        yield token
        yield from token.children or ()


def prose(parsed: Sequence[Token]) -> tuple[str, str]:
    """What is no code, as read: escapes and entities decoded, emphasis gone; and with its pieces apart."""
    parts: list[str] = []
    for token in parsed:
        if token.type == "inline":
            for child in token.children or ():
                if child.type in {"text", "text_special"}:
                    parts.append(child.content)
                else:
                    parts.append("\n" if child.type.endswith("break") else "\0")
            parts.append("\n")
    whole = "".join(parts)
    return whole.replace("\0", ""), whole.replace("\0", " ")


def links(parsed: Sequence[Token]) -> list[str]:
    """Links, images and HTML: whatever could lead elsewhere than it says."""
    return [token.type for token in _each(parsed) if token.type in LINKING]


def traps(read: str) -> list[str]:
    """Addresses in what was read that one could follow and be deceived: another scheme, a user, a foreign host."""
    return [found for found in ADDRESS.findall(read) if not is_honest(found)]


def is_honest(address: str) -> bool:
    address = f"http://{address}" if address[:4].lower() == "www." else address
    try:
        host = urlsplit(address).netloc
    except ValueError:
        return False
    scheme = address.partition(":")[0].lower()
    host = re.split("[，。、；：！？（）【】《》「」“”‘’—…]", host)[0]
    return scheme in {"http", "https"} and "@" not in host and host.isascii() and "xn--" not in host.lower()


def code(text: str, reader: MarkdownIt = TEXT_ONLY) -> list[str]:
    """The code blocks, fenced and indented."""
    return [token.content for token in _each(reader.parse(text)) if token.type in {"fence", "code_block"}]


def spans(text: str, reader: MarkdownIt = TEXT_ONLY) -> list[str]:
    """The code within lines."""
    return [token.content for token in _each(reader.parse(text)) if token.type == "code_inline"]
