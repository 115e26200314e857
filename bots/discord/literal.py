"""Pure: words that Discord shows as they are written, whatever they are.

Discord knows no entities; a backslash before any ASCII punctuation shows that and nothing else, and since March 2026
it also takes the meaning from `@everyone` and `@here` (Discord patch notes, 6 March 2026). Its server reads mentions by
the whole form, so a backslash inside of `<@…>` takes that from it too.
"""

from __future__ import annotations

import re

# Cards and pills are made of addresses of Discord's own, even without a scheme.
_SPECIAL = re.compile(
    r"[\\*_~|`<\[]|(?<=\])\(|(?<=<)@|@(?=everyone|here)|(?<=:)/(?=/)"
    r"|(?<=discord)\.(?=(?:com|gg|new|gifts?)/)|(?<=discordapp)\.(?=com/)",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"\s*(?:\d+(?=\.(?:\s|$))|(?=>|#(?:[#\s]|$)|-(?:[#\s]|$)))")
_EMOJI_NAME = re.compile(r":(?=[\w+-]+:)")
_ALIKE = str.maketrans("\\*_~|`<>[@#", "＼∗＿∼¦ˋ‹›［＠＃")
_ALIKE_IN_ADDRESS = re.compile(r":(?=//)|(?<=discord)\.(?=\w+/)|(?<=discordapp)\.(?=com/)", re.IGNORECASE)


def literal(words: str, *, fresh: bool) -> str:
    """A line or a part of one with a backslash before what would format, link or call; `fresh` at a line's start."""
    if fresh and (found := _LINE_START.match(words)):
        start = found.end()
        return f"{literal(words[:start], fresh=False)}\\{words[start]}{literal(words[start + 1 :], fresh=False)}"
    return _SPECIAL.sub(r"\\\g<0>", words)


def named(words: str) -> str:
    """One line of our own, of words from elsewhere: `literal`, and no `:name:` becomes an emoji."""
    return _EMOJI_NAME.sub(r"\:", literal(" ".join(words.split()), fresh=True))


def alike(text: str) -> str:
    """Lines of any text without a character more: what would mean something to Discord as a look-alike."""
    return _ALIKE_IN_ADDRESS.sub(lambda found: "：" if found[0] == ":" else "․", text.translate(_ALIKE))
