"""Pure: code as Discord shows it, byte for byte.

As its clients read it (the rules of simple-markdown; LyricLy/parse-discord, checked by hand against the client): a
block begins with three backticks, then maybe a language and a line end, and ends with the next three, so no code with
three in a row fits into one. A span ends with as many backticks as it began with and may go over lines; one of
three or more would be a block. A space before or behind backticks at its ends goes away.
"""

from __future__ import annotations

import re

from core.invisible import with_unseen_named, without_unseen

_RUN = re.compile("`+")
_LANGUAGE = re.compile(r"[\w+.-]+", re.ASCII)
_LANGUAGES = {"c#": "cs", "f#": "fsharp"}  # Discord takes no `#` in the name of a language
_FENCE = "```"
_BROKEN_FENCE = "``ˋ"


def span(code: str) -> str:
    """Code within a line."""
    code = with_unseen_named(code)
    runs = {len(run) for run in _RUN.findall(code)}
    ticks = next(("`" * length for length in (1, 2) if length not in runs), "`")
    if len(ticks) in runs:
        code = code.replace("`", "ˋ")  # no span of Discord's holds both single and double backticks
    before = " " * code.lstrip(" ").startswith("`")
    after = " " * code.rstrip(" ").endswith("`")
    return f"{ticks}{before}{code}{after}{ticks}"


def block(code: str, info: str, *, named: bool = True) -> str:
    """Code on lines of its own, `info` being its fence's; what nobody sees in it is written out if `named`.

    Code with three backticks in a row becomes a span over lines, or loses one of them where that has no end either.
    """
    code = with_unseen_named(code) if named else without_unseen(code)
    if _FENCE in code:
        if len({1, 2} & {len(run) for run in _RUN.findall(code)}) < 2:
            return span(code.strip("\n"))
        code = code.replace(_FENCE, _BROKEN_FENCE)
    code = code.removesuffix("\n") if code.strip("\n") else " "  # without a character it would be no block
    return f"{_FENCE}{_language(info)}\n{code}\n{_FENCE}"


def _language(info: str) -> str:
    word = info.split(maxsplit=1)[0].lower() if info.strip() else ""
    found = _LANGUAGE.match(info.strip())
    return _LANGUAGES.get(word) or (found[0] if found else "")
