"""How a piece of an answer looks in a terminal: rich's Markdown, plain enough to be copied from.

Code is neither framed nor padded and its long lines are left to the terminal to fold, so that what is selected is what
was written. Prose keeps to a readable width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markdown_it.token import Token
from rich import box, markdown
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment, Segments
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from bots.console.outgoing import Code, Kind, Piece, parsed

THEME = Theme(
    {
        "markdown.code": "cyan",
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold italic",
        "markdown.h4": "italic",
        "markdown.item.bullet": "dim",
        "markdown.item.number": "dim",
        "markdown.block_quote": "italic",
        "markdown.hr": "dim",
        "markdown.link_url": "dim",
        "markdown.table.header": "bold",
        "markdown.table.border": "dim",
    }
)
_CODE_THEME = "ansi_dark"  # the terminal's own sixteen colours, so that they suit its background
_READABLE = 100  # columns of prose
_NARROWEST = 10
_LEXED = 400  # lines of a code block before a line that its colours may depend on
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Row:
    """One line of output: with its styles, and the bare text that its width is known by."""

    styled: str
    plain: str


def rows(piece: Piece, console: Console, width: int) -> list[Row]:
    """The piece as rows. Only code and tables may be wider than prose; only code may be wider than `width`."""
    gap = [Row("", "")] if piece.fresh else []
    if piece.code is not None:
        return gap + [row(line, console) for line in _code_lines(piece.code, piece.lines)]
    most = width if piece.kind is Kind.TABLE else min(width, _READABLE)
    options = console.options.update(width=max(most, _NARROWEST), height=None)
    made = [_row(segments, console) for segments in console.render_lines(_Document(piece), options, pad=False)]
    shown = [at for at, each in enumerate(made) if each.plain]
    return gap + made[shown[0] : shown[-1] + 1] if shown else []


def own_rows(text: Text, console: Console, width: int) -> list[Row]:
    """A line of ours as rows, broken between words; one that holds a longer word is left to the terminal to fold."""
    fits = all(cell_len(word) <= width for word in text.plain.split())
    return [row(line, console) for line in (text.wrap(console, width) if fits else [text])]


def row(text: Text, console: Console) -> Row:
    """A line as a row."""
    return _row([*text.render(console, end="")], console)


def _row(segments: Iterable[Segment], console: Console) -> Row:
    kept = [segment for segment in segments if not segment.control and segment.text != "\n"]
    while kept and not kept[-1].text.strip():
        kept.pop()  # padding would be copied along, and would wrap in a narrower window
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    with console.capture() as captured:
        console.print(Segments(kept), soft_wrap=True, end="")
    return Row(captured.get(), "".join(segment.text for segment in kept))


def _code_lines(code: Code, lines: str) -> list[Text]:
    """New lines of a code block, coloured as the block's earlier lines make them."""
    if not lines:
        return []
    before = "".join(code.before.splitlines(keepends=True)[-_LEXED:])
    syntax = Syntax("", code.language or "text", theme=_CODE_THEME)
    shown = syntax.highlight(before + lines)
    shown.expand_tabs(4)
    split = list(shown.split("\n", allow_blank=True))
    count = len(lines.splitlines())
    skip = len(before.splitlines())
    return [Text(_INDENT).append_text(line) for line in split[skip : skip + count]]


class _Heading(markdown.Heading):
    """To the left, as the rest."""

    LEVEL_ALIGN = dict.fromkeys(markdown.Heading.LEVEL_ALIGN, "left")


class _CodeBlock(markdown.CodeBlock):
    """Code inside a list or a quotation."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Indented, in the terminal's colours, without a background."""
        yield from _code_lines(Code(f"```{self.lexer_name}"), f"{self.text.plain.rstrip()}\n")


class _Item(markdown.ListItem):
    """An item of a list."""

    def render_number(self, console: Console, options: ConsoleOptions, number: int, last_number: int) -> RenderResult:
        """The number with its full stop, and the text hanging beside it."""
        mark = f" {number}. "
        lines = console.render_lines(self.elements, options.update(width=options.max_width - len(mark)), pad=False)
        for at, line in enumerate(lines):
            yield Segment(mark if at == 0 else " " * len(mark), console.get_style("markdown.item.number"))
            yield from line
            yield Segment.line()


class _Table(markdown.TableElement):
    """A table whose long cells fold instead of being cut."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Header underlined, columns two spaces apart."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, border_style="markdown.table.border")
        cells = self.header.row.cells if self.header and self.header.row else []
        for cell in cells:
            heading = cell.content.copy()
            heading.stylize("markdown.table.header")
            table.add_column(heading, overflow="fold", justify=cell.justify)
        for line in self.body.rows if self.body else []:
            table.add_row(*(cell.content for cell in line.cells))
        yield table


class _Document(markdown.Markdown):
    """One piece as Markdown."""

    elements = {  # noqa: RUF012
        **markdown.Markdown.elements,
        "heading_open": _Heading,
        "list_item_open": _Item,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
        "table_open": _Table,
    }

    def __init__(self, piece: Piece) -> None:
        super().__init__("")
        self.parsed = parsed(piece.text)
        for token in self.parsed:
            if token.type == "ordered_list_open" and token.level == 0 and piece.number is not None:
                token.attrs["start"] = piece.number
            if token.children:
                token.children = list(_with_addresses(token.children))


def _with_addresses(tokens: Iterable[Token]) -> Iterable[Token]:
    """Links and images as text followed by their address: a terminal must not hide where a link leads."""
    address, label = "", ""
    for token in tokens:
        if token.type == "link_open":
            address, label = str(token.attrs.get("href", "")), ""
        elif token.type == "link_close":
            if address.removeprefix("mailto:") != label:
                yield Token("text", "", 0, content=f" ({address})")
        elif token.type == "image":
            yield Token("text", "", 0, content=f"{token.content} ({token.attrs.get('src', '')})")
        else:
            label += token.content
            yield token
