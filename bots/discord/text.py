"""Pure: the text of a Discord message, as people read it.

Discord writes mentions, emoji, times and commands between angle brackets, everywhere but in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from core.invisible import without_unseen

_CODE = r"```.*?```|``[^\n]*?``|`[^`\n]*`"
_TOKEN = re.compile(
    rf"{_CODE}"
    r"|<(?P<kind>@[!&]?|#)(?P<id>[0-9]{1,20})>"
    r"|<a?:(?P<emoji>[A-Za-z0-9_]{1,32}):[0-9]{1,20}>"
    r"|<t:(?P<seconds>-?[0-9]{1,13})(?::[tTdDfFRsS])?>"
    r"|</(?P<command>[^:<>/\n]{1,100}):[0-9]{1,20}>",
    re.DOTALL,
)
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_ABOUT_CHARACTERS = 4_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def readable(raw: str, names: Mapping[str, str], *, without: Iterable[str] = ()) -> str:
    """The text with names, emoji and times in plain words and nothing invisible.

    `without` are the ids whose mentions are left out: with the blanks before them, and the comma after the first.
    """
    left_out = frozenset(without)
    calls = "|".join(sorted(filter(None, left_out)))
    if calls:
        raw = re.sub(rf"\A(?:\s*<@[!&]?(?:{calls})>)+(?:\s*[,:;](?=\s|\Z))?", "", raw)

    def plain(found: re.Match[str]) -> str:
        if found["id"] in left_out and found["kind"] != "#":
            return "\0"
        return _plain(found, names)

    text = _LINE_END.sub("\n", _TOKEN.sub(plain, raw.replace("\0", "")))
    return without_unseen(re.sub(r"(?<![ \t])[ \t]*+\0", "", text)).strip()


def quotable(raw: str, names: Mapping[str, str]) -> str:
    """The beginning of a text that somebody asks about, as `readable` has it: at most 4,000 characters."""
    return readable(raw, names)[:_ABOUT_CHARACTERS]


def _plain(found: re.Match[str], names: Mapping[str, str]) -> str:
    if found["id"]:
        sign = "#" if found["kind"] == "#" else "@"
        return f"{sign}{names.get(found['id']) or found['id']}"
    if found["emoji"]:
        return f":{found['emoji']}:"
    if found["command"]:
        return f"/{found['command']}"
    if found["seconds"]:
        return _moment(int(found["seconds"]))
    return found[0]


def _moment(seconds: int) -> str:
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"
    except OverflowError:
        return str(seconds)
