"""Pure: one line of Markdown, or one cell of a table, without anything that hides its meaning or calls people."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from html import unescape

from bots.slack.links import TARGET, shown
from bots.slack.pings import BREAK
from core.invisible import without_unseen
from core.links import BARE, reach, same

_SPECIAL = re.compile(
    r"(?P<escape>\\[!-/:-@\[-`{-~])|(?P<ticks>`+)|(?P<open>!?\[)|(?P<close>\])"
    r"|(?P<auto><(?:(?:[a-zA-Z][a-zA-Z0-9+.-]{1,31}://|mailto:)[^\s<>|`]*|[\w.+-]+@[\w.-]+)>)"
    rf"|(?P<less><)|(?P<and>&)|(?P<at>@)|(?P<url>{BARE})"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LOUD = re.compile("here|channel|everyone", re.IGNORECASE)
_HARMLESS_AFTER_LESS = frozenset(" \t=-<>0123456789")
_SPELLS = re.compile(r"lt|amp|[^\w\s=&]", re.IGNORECASE)  # what may make an entity of an `&`
_AFTER_LABEL = frozenset("(:")
_APART = frozenset(" \t(*_~\"'")
_MAY_VANISH = frozenset("[!\\&*_`~")  # what readers take for markup: `@` and what follows it would meet
_ENDS_URL = re.compile(r"[.,;:!?'*_~)]*(?:\s|\"|$)")


class Inline:
    """Reads one line. `links`: whether `[label](url)` becomes `label (url)`; else it is only made text."""

    def __init__(self, text: str, *, links: bool = True) -> None:
        self._text = text
        self._links = links
        self._out: list[str] = []
        self._open: list[tuple[int, int]] = []  # of each bracket: its place in the output, where its label begins
        self._runs: dict[int, list[int]] = defaultdict(list)
        for run in re.finditer("`+", text):
            self._runs[len(run[0])].append(run.start())

    def harmless(self) -> str:
        """The line as Slack may get it."""
        at = 0
        while found := _SPECIAL.search(self._text, at):
            self._out.append(self._text[at : found.start()])
            at = self._take(found)
        self._out.append(self._text[at:])
        return "".join(self._out)

    def _take(self, found: re.Match[str]) -> int:
        """Writes what was found; where reading goes on."""
        kind, piece, end = found.lastgroup, found[0], found.end()
        match kind:
            case "ticks":
                return self._code(piece, end)
            case "open":
                self._open.append((len(self._out), end))
                piece = f"\\{piece}" if self._text.startswith("][", end - 2) else piece
            case "close":
                return self._close(end)
            case "auto":
                self._address(shown(piece[1:-1]), end)
                return end
            case "url":
                end = found.start() + reach(piece)
                self._address(shown(self._text[found.start() : end]), end)
                return end
            case "and":
                return self._and(end)
            case _:
                piece = self._marked(piece, end)
        self._out.append(piece)
        return end

    def _marked(self, piece: str, end: int) -> str:
        """A `<`, `@`, or character behind a backslash, parted from what it must not meet."""
        after, last = self._text[end : end + 1], piece[-1]
        breaks = {
            "<": after and after not in _HARMLESS_AFTER_LESS,
            "&": _SPELLS.match(self._text, end),
            "@": after in _MAY_VANISH or _LOUD.match(self._text, end),
        }
        if breaks.get(last):
            return piece + BREAK
        return f"{piece}\\" if piece == "\\]" and after in _AFTER_LABEL else piece

    def _code(self, ticks: str, end: int) -> int:
        runs = self._runs[len(ticks)]
        later = bisect_right(runs, end - 1)
        if later == len(runs):
            self._out.append("\\`" * len(ticks))
            return end
        close = runs[later]
        self._out.append(self._text[end - len(ticks) : close + len(ticks)])
        return close + len(ticks)

    def _close(self, end: int) -> int:
        after = self._text[end : end + 1]
        place, begin = self._open.pop() if self._open else (-1, end)
        if self._links and place >= 0 and after == "(" and (found := TARGET.match(self._text, end)):
            target = found["angled"] or found["plain"] or ""
            self._link(place, self._text[begin : min(end - 1, begin + len(target) + 1)], target, found.end())
            return found.end()
        self._out.append("]\\" if after in _AFTER_LABEL else "]")
        return end

    def _link(self, place: int, label: str, target: str, end: int) -> None:
        """Writes `label (url)` for a link up to `end` whose label, of `label` and maybe more, stands at `place`."""
        if target and (not label or same(label, target)):
            del self._out[place:]
            self._address(shown(target), end)
            return
        before = next((piece[-1] for piece in reversed(self._out[max(0, place - 3) : place]) if piece), "")
        self._out[place] = BREAK if before.strip() and before not in "([" else ""
        if target:
            space = "" if "".join(self._out[-2:]).endswith(" ") else " "
            self._out.append(f"{space}({shown(target)}){self._gap(end)}")

    def _address(self, address: str, end: int) -> None:
        """Writes an address parted from its neighbours, so that it neither grows nor is cut short."""
        before = next((piece[-1] for piece in reversed(self._out[-3:]) if piece), "")
        self._out.append((" " if before and before not in _APART else "") + address + self._gap(end))

    def _gap(self, end: int) -> str:
        return "" if _ENDS_URL.match(self._text, end) else " "

    def _and(self, end: int) -> int:
        """Writes an `&`. Entities of plain characters stay; what could spell markup or nothing visible is shown."""
        found = _ENTITY.match(self._text, end - 1)
        after = self._text[found.end() : found.end() + 1] if found else self._text[end : end + 1]
        meant = unescape(found[0]) if found else ""
        if found and meant == "<":
            self._out.append(found[0] + (BREAK if after and after not in _HARMLESS_AFTER_LESS else ""))
        elif found and meant == "&":
            self._out.append(found[0] + (BREAK if _SPELLS.match(self._text, found.end()) else ""))
        elif found and (meant in ('"', "'", ">") or (len(meant) == 1 and meant > "\x9f" and without_unseen(meant))):
            self._out.append(found[0])
        else:
            self._out.append("&" + (BREAK if found or _SPELLS.match(self._text, end) else ""))
            return end
        return found.end()


def harmless_line(line: str, *, links: bool = True) -> str:
    """The line, its code spans as they are; what Slack alone would see in it may be left."""
    return Inline(line, links=links).harmless()
