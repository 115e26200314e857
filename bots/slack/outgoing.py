"""Pure: the Markdown of an answer as Slack renders it in a `markdown` block or `markdown_text`, made harmless.

Slack takes standard Markdown there and converts it itself, by a parser nobody has seen. So what is dangerous is not
left to any one reading: no `](`, `][` or `]:` stays, no `<` that could begin a tag or a mention, no code span that
might reach over its line. Targets of links stand beside their labels. Code keeps its bytes, except that Slack's own
`<…>` forms are broken and unseen characters are written out. A zero-width space is all the unseen that we add.

It goes line by line and each line is decided by what stands before it (a table's header also by its next line), so
a growing text never changes what was shown. Nor do the words change that a line begins with, as long as nothing stands
between them that means something to Markdown or Slack: a paragraph is shown before it ends. At most `GROWTH`
characters are added to any text: a text that would take more, which only a hostile one does, goes on with look-alikes
of the same length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from bots.slack.inline import harmless_line
from bots.slack.pings import BREAK, unspoken, without_pings
from core.invisible import with_unseen_named, without_unseen
from core.relay.blocks import Block, Kind, advance, enter, expanded, is_deep, is_quote

GROWTH = 2_400  # a page of 9,000 characters fits into Slack's 12,000

_LINE_END = re.compile(r"\r\n?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"[ \t>]*+(?:`{3,}|~{3,})")
_CELL_END = re.compile(r"(?<!\\)\||\\\\+\|")
_DELIMITER = " \t>|:+*-"  # what a table's second line is made of, and the markers before it
_FORMATTING = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})  # look-alikes: mrkdwn has no escape
_EDGE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_EMOJI_NAME = re.compile(r":(?=[a-z0-9_+'-]+:)")
_QUOTE = re.compile(r"^([ \t]*)>", re.MULTILINE)
_SAME_LENGTH = str.maketrans(
    {"<": "‹", "&": "＆", "`": "ˋ", "[": "［", "]": "］", "@": "＠", ":": "：", "|": "¦", "\\": "＼"}
)
_SAME_LENGTH_IN_CODE = str.maketrans({"<": "‹", "&": "＆"})
# The words a paragraph begins with, each with the blank behind it, that are shown as they are whatever follows: plain
# characters (a colon only where no address can begin with it) and code spans that are closed.
_PLAIN = r"[\w.,;!?'\"()*~/%+=#$“”‘’–—…-]"
_SPAN = r"`[\w\x20-%'-;=-_a-{}~]++`"
_WORDS = re.compile(rf"(?=[^\W\d_]|`[^`]|\*\*[^\s*])(?:(?!\S*?(?i:www\.))(?:{_PLAIN}|{_SPAN})++:?+ ++)++")


class _State(NamedTuple):
    """Where a line leaves the one who writes the next; `block` is that of the lines as written.

    `cells`: lines are read cell by cell until a blank one. `head`: the line before heads a table.
    """

    block: Block = Block()
    cells: bool = False
    head: bool = False


class _Line(NamedTuple):
    """A line shown, whether the next line may still change it, where it leaves that one, and its length as it came."""

    text: str
    waits: bool
    after: _State
    read: int


class _Settled(NamedTuple):
    """Lines that nothing can change any more: `read` characters, as they are shown, and where they leave the next.

    `seen`: these lines and the next one, which decided with them.
    """

    seen: str = ""
    read: int = 0
    shown: str = ""
    after: _State = _State()


class Growing:
    """A page that is shown again at each of its changes: what is settled of it is not read again."""

    def __init__(self) -> None:
        self._settled = _Settled()

    def rendered(self, text: str) -> str:
        """As the function of this name."""
        before, lines = self._lines(text)
        return before + "".join(line.text for line in lines)

    def streamable(self, text: str) -> str:
        """A beginning of the text whose rendering nothing that follows can change: whole lines, and plain words after.

        A fence that ends it may be the page's own, below a line of code that still grows: both wait.
        """
        last_line = max(text.rfind("\n"), text.rfind("\r"))
        if last_line >= 0 and _FENCE.fullmatch(text, last_line + 1):
            text = text[:last_line]
        end = text.rfind("\n") + 1
        if (at := text.rfind("\r", 0, max(0, len(text) - 1)) + 1) > end:
            end = at
        known = text[:end]
        *_, last = (_Line("", False, _State(), 0), *self._lines(known)[1])
        words = None if last.after.block.fenced else _WORDS.match(text, end)
        if words:
            return text[: words.end()]
        if not last.waits:
            return known
        body = known[:-2] if known.endswith("\r\n") else known[:-1]
        return body[: max(body.rfind("\n"), body.rfind("\r")) + 1]

    def _lines(self, text: str) -> tuple[str, list[_Line]]:
        """What is shown of the lines that were settled before, and those after them: all but two are settled now."""
        text = _LINE_END.sub("\n", text)
        before = self._settled if text.startswith(self._settled.seen) else _Settled()
        lines = list(_lines(text, before))
        if len(lines) > 2:
            settled = lines[:-2]
            read = before.read + sum(line.read for line in settled)
            shown = before.shown + "".join(line.text for line in settled)
            self._settled = _Settled(text[: read + lines[-2].read], read, shown, settled[-1].after)
        return before.shown, lines


def rendered(text: str) -> str:
    """A finished page, or as much of a growing one as is `streamable`, as harmless Markdown for Slack.

    Every line end becomes a line feed. At most `GROWTH` characters longer than the text; linear in its length.
    """
    return Growing().rendered(text)


def escaped(text: str) -> str:
    """Plain text for the mrkdwn fields of Slack's blocks: nothing in it formats, links, mentions or hides.

    Formatting characters become look-alikes where they would format; the length may double and more (`&amp;`).
    """
    text = unspoken(without_pings(without_unseen(_LINE_END.sub("\n", text))))
    text = _QUOTE.sub(rf"\1{BREAK}>", _EMOJI_NAME.sub(f":{BREAK}", text))
    text = _EDGE.sub(lambda found: "\uff3f" * len(found[0]), text.translate(_FORMATTING))
    return html.escape(text, quote=False)


def in_code(text: str) -> str:
    """The same between backticks, where nothing formats: it cannot end them, nor mention or hide anything."""
    text = unspoken(without_pings(" ".join(without_unseen(text).split()))).replace("`", "\u02cb")
    return html.escape(text, quote=False)


def _lines(text: str, settled: _Settled) -> Iterator[_Line]:
    """The lines after those that are settled."""
    state, read, written = settled.after, settled.read, len(settled.shown)
    lines = _LINE.findall(text, read)
    for number, line in enumerate(lines):
        read += len(line)
        following = lines[number + 1] if number + 1 < len(lines) else ""
        end = "\n" if line.endswith("\n") else ""
        shown, after, waits = _shown(state, line.removesuffix("\n"), following)
        if written + len(shown) + len(end) > read + GROWTH:
            shown, after, waits = _austere(state, line.removesuffix("\n"))
        written += len(shown) + len(end)
        state = after
        yield _Line(shown + end, waits, after, len(line))


def _shown(state: _State, line: str, following: str) -> tuple[str, _State, bool]:
    """The line as shown, where it leaves us, and whether it is still waiting for the line that follows."""
    block = state.block
    if block.fenced:
        shown = _coded(line)
        after = advance(block, shown)
        if after.kind is Kind.CODE or after.kind is Kind.CLOSER:
            return shown, _State(after), False
    clean = without_unseen(line)
    parted = _parted_quote(block, clean)
    line, clean = (line, clean) if parted == clean else (parted, parted)
    after = advance(block, clean)
    indented = after.kind is Kind.OTHER and is_deep(after.head[0])
    if indented or after.kind in (Kind.CODE, Kind.CLOSER, Kind.BLANK):
        return _as_code(block, line if indented else clean, after, named=line is not parted)
    if after.kind is Kind.OPENER:
        # Readers disagree whether a fence with a pipe may head a table.
        shown = without_pings(clean).replace("|", "¦")
        return shown, _State(advance(block, shown)), False
    if not state.cells and "|" in clean and "-" in clean and not clean.strip(_DELIMITER):
        if after.kind is Kind.DELIMITER and state.head:
            return clean, _State(after, cells=True), False
        clean = clean.replace("|", "\\|")
    if after.kind is Kind.DELIMITER and not _is_certain(after):
        clean = "\\-".join(clean.rsplit("-", 1))
        after = advance(block, clean)
    return _text(state, clean, after, following)


def _is_certain(delimiter: Block) -> bool:
    """Readers disagree whether a single hyphen makes a table's head, or a heading, of the line above."""
    return delimiter.head[1] != "-"


def _parted_quote(block: Block, clean: str) -> str:
    """The line with its `>` parted where it is indented so far that readers disagree whether the quote goes on."""
    if ">" not in clean or not block.containers:
        return clean
    rest, entered = enter(block.containers, expanded(clean))
    left = block.containers[len(entered) :]
    if not left or not is_quote(left[0]) or not is_deep(rest) or not rest.lstrip(" ").startswith(">"):
        return clean
    parts = clean.split(">")
    quotes = 1 + sum(map(is_quote, entered))
    return ">".join(parts[:quotes]) + f"{BREAK}>" + ">".join(parts[quotes:])


def _text(state: _State, clean: str, after: Block, following: str) -> tuple[str, _State, bool]:
    cells = state.cells or after.tabled
    if "|" not in clean or cells:
        shown = _among(state.block, clean, after, cells=cells)
        return shown, _State(advance(state.block, shown), cells), False
    shown = _among(state.block, clean, after, cells=True)
    head = advance(state.block, shown)
    if head.kind is Kind.TEXT:
        clean_following = without_unseen(following.removesuffix("\n"))
        second = advance(head, clean_following)
        if following and second.kind is Kind.DELIMITER and _is_certain(second):
            return shown, _State(head, head=True), True
    shown = _among(state.block, clean, after, cells=False)
    return shown, _State(advance(state.block, shown)), head.kind is Kind.TEXT


def _among(block: Block, clean: str, expected: Block, *, cells: bool) -> str:
    """The line with its links written out, unless what they leave is another kind of line."""
    shown = _inline(clean, cells=cells, links=True)
    if shown == clean or advance(block, shown)[:2] == expected[:2]:
        return shown
    return _inline(clean, cells=cells, links=False)


def _inline(clean: str, *, cells: bool, links: bool) -> str:
    if not cells:
        return without_pings(harmless_line(clean, links=links))
    parts, at = list[str](), 0
    for found in _CELL_END.finditer(clean):
        # Readers disagree what two backslashes before a pipe are.
        parts += (
            harmless_line(clean[at : found.start()], links=links),
            found[0].replace("|", " |") * (len(found[0]) > 1),
        )
        parts += "|" * (len(found[0]) == 1)
        at = found.end()
    return without_pings("".join([*parts, harmless_line(clean[at:], links=links)]))


def _coded(line: str) -> str:
    return without_pings(with_unseen_named(line))


def _as_code(block: Block, line: str, expected: Block, *, named: bool) -> tuple[str, _State, bool]:
    """A line of code, unless what is written out in it would make it something else."""
    shown = _coded(line) if named else without_pings(line)
    after = advance(block, shown)
    if after[:2] != expected[:2]:
        shown = without_pings(without_unseen(line))
        after = advance(block, shown)
    return shown, _State(after), False


def _austere(state: _State, line: str) -> tuple[str, _State, bool]:
    """The line without a character more."""
    clean = without_unseen(line)
    after = advance(state.block, clean)
    code = after.fenced or after.kind is Kind.CLOSER or (after.kind is Kind.OTHER and is_deep(after.head[0]))
    words = None if code else _WORDS.match(clean)  # they may be shown already
    plain = words[0] if words else ""
    shown = plain + clean[len(plain) :].translate(_SAME_LENGTH_IN_CODE if code else _SAME_LENGTH)
    return shown, _State(advance(state.block, shown), state.cells), False
