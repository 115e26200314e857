"""What Discord's clients and its server make of a message: pings, links, code, looks.

Written from Discord's "Message Formatting" (developer reference), the rules of khanacademy/simple-markdown, which the
clients' are a kind of, and what LyricLy/parse-discord found by hand against the desktop client: one search from left
to right, escapes first, code blocks before spans, the words of each look read anew. It knows nothing of how we render.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

_DOTALL = re.DOTALL
_MENTIONS = {
    "user": r"<@!?\d+>",
    "role": r"<@&\d+>",
    "channel": r"<#\d+>",
    "command": r"</[^:<>\n]{1,98}:\d+>",
    "navigation": r"<(?:id|\d+):(?:customize|browse|guide|linked-roles)(?::\d+)?>",
    "time": r"<t:-?\d+(?::[tTdDfFRsS])?>",
    "emoji": r"<a?:\w+:\d+>",
    "mail": r"<(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>",
    "phone": r"<(?:tel:)?\+\d[\d -]+>",
    "everyone": r"@(?:everyone|here)",
}
_MENTION = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _MENTIONS.items()))
_OUTSIDE = r"\\[\\`]|```.+?```|(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_PING = re.compile(rf"{_OUTSIDE}|\\@(?:everyone|here)|(?P<ping><@[!&]?\d+>|@(?:everyone|here))", _DOTALL)
_CARD = re.compile(
    rf"{_OUTSIDE}|(?P<card>discord\.(?:gg|new|gifts?)/\w|discord(?:app)?\.com"
    r"/(?:invite|channels|gifts|template|events|\d))",
    _DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
_BLOCK = re.compile(r"```(?:([\w+.-]*)\n)?(?=\n*[^\n])(.+?)```", re.ASCII | _DOTALL)
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", _DOTALL)
_LOOKS = {
    "*": (
        ("bold", re.compile(r"\*\*((?:\\.|[^\\])+?)\*\*(?!\*)", _DOTALL)),
        ("italic", re.compile(r"\*(?!\s)((?:\\.|\*\*|[^*\\])+?)(?<!\s) {0,2}\*(?!\*)", _DOTALL)),
    ),
    "_": (
        ("underline", re.compile(r"__((?:\\.|[^\\])+?)__(?!_)", _DOTALL)),
        ("italic", re.compile(r"_((?:\\.|__|[^_\\])+?)_(?![A-Za-z0-9_])", _DOTALL)),
    ),
    "~": (("struck", re.compile(r"~~(.+?)~~(?!_)", _DOTALL)),),
    "|": (("spoiler", re.compile(r"\|\|(.+?)\|\|", _DOTALL)),),
}
_ANGLED = re.compile(r"<([^: >]+:/[^ >]+)>")
_BARE = re.compile(r"(?:https?|steam|discord)://[^\s<]+[^<.,:;\"'\]\s]")
_MASKED = re.compile(
    r"\[(?P<label>(?:\[[^\]]*\]|[^\[\]])*[^\[]*?)\]\(\s*<?(?P<target>(?:\([^)]*\)|[^\s\\]|\\[^\n])*?)>?"
    r"(?:\s+['\"].*?['\"])?\s*\)",
    _DOTALL,
)
_HEADING = re.compile(r"(#{1,3})\s+(?!#)([^\n]*)\n?")
_SUBTEXT = re.compile(r"-# +(?!-#)([^\n]+)\n?")
_QUOTE = re.compile(r"> ([^\n]*)(?:\n|$)")
_LONG_QUOTE = re.compile(r">>> (.*)", _DOTALL)
_ITEM = re.compile(r"((?:[*-]|\d+\.) +)(.[^\n]*(?:\n [^\n]*)*)(?:\n|$)", _DOTALL)
_PLAIN = re.compile(r"[^\\\\`*_~|<\[@hsd\n#>0-9-]+")
_DEEPEST_LIST = 11


@dataclass(slots=True)
class Seen:
    """What stands in a message. `styled` are pairs of look and words, `links` of words and target; `text` is all words.

    `bare` are the addresses whose end the client has to guess.
    """

    text: str = ""
    mentions: list[str] = field(default_factory=list)
    styled: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Where:
    """`before`: what stands on the line already. `depth`: of lists. `lists`: whether the client knows lists."""

    before: str = ""
    quoted: bool = False
    depth: int = 0
    lists: bool = True


def seen(content: str, *, lists: bool = True) -> Seen:
    """What a client shows of a message, one that knows lists or an older one."""
    found = Seen()
    found.text = _read(content.strip(), _Where(lists=lists), found)
    return found


def shapes(content: str) -> Iterator[Seen]:
    """How each kind of client sees it."""
    yield seen(content)
    yield seen(content, lists=False)


def pinged(content: str) -> list[str]:
    """What the server would call people by: a whole form outside of code, escaped or not; `@everyone` unescaped."""
    return [found["ping"] for found in _PING.finditer(content) if found["ping"]]


def cards(content: str) -> list[str]:
    """Addresses, with a scheme or without, of which Discord makes cards or pills, outside of code."""
    return [found["card"] for found in _CARD.finditer(content) if found["card"]]


def _read(text: str, where: _Where, found: Seen) -> str:
    out, at = list[str](), 0
    while at < len(text):
        if read := _block(text, at, where, found) or _inline(text, at, where, found):
            words, at = read
        else:
            plain = _PLAIN.match(text, at)
            words = plain[0] if plain else text[at]
            at += len(words)
        out.append(words)
    return "".join(out)


def _line_start(text: str, at: int, where: _Where) -> str:
    """What stands before on the line: nothing, spaces, or `x` for anything."""
    begin = text.rfind("\n", 0, at) + 1
    before = text[begin:at] if begin else where.before + text[:at]
    return before if not before.strip(" ") else "x"


def _block(text: str, at: int, where: _Where, found: Seen) -> tuple[str, int] | None:
    if text[at] not in "#->*0123456789" or (before := _line_start(text, at, where)) == "x":
        return None
    inside = replace(where, before="")
    if not before and (match := _HEADING.match(text, at)) and not where.depth:
        return _styled(f"h{len(match[1])}", match[2].rstrip().rstrip("#").rstrip(), inside, found) + "\n", match.end()
    if not before and (match := _SUBTEXT.match(text, at)):
        return _styled("subtext", match[1], inside, found) + "\n", match.end()
    if text[at] == ">":
        return None if where.quoted else _quote(text, at, replace(inside, quoted=True), found)
    if where.lists and where.depth < _DEEPEST_LIST and (match := _ITEM.match(text, at)):
        item = re.sub(rf"^ {{1,{len(match[1])}}}", "", match[2], flags=re.MULTILINE)
        return f"{match[1]}{_styled('item', item, replace(inside, depth=where.depth + 1), found)}\n", match.end()
    return None


def _styled(look: str, text: str, where: _Where, found: Seen) -> str:
    found.styled.append((look, words := _read(text, where, found)))
    return words


def _quote(text: str, at: int, inside: _Where, found: Seen) -> tuple[str, int] | None:
    if match := _LONG_QUOTE.match(text, at):
        return _styled("rest quoted", match[1], inside, found), match.end()
    lines, end = list[str](), at
    while match := _QUOTE.match(text, end):
        lines.append(match[1])
        if match.end() == end:
            break
        end = match.end()
        spaces = re.compile(" *").match(text, end)
        end = spaces.end() if spaces and _QUOTE.match(text, spaces.end()) else end
    return (_styled("quote", "\n".join(lines), inside, found) + "\n", end) if lines else None


def _inline(text: str, at: int, where: _Where, found: Seen) -> tuple[str, int] | None:
    match text[at]:
        case "\\":
            escape = _ESCAPE.match(text, at)
            return (escape[1], escape.end()) if escape else None
        case "`":
            return _code(text, at, found)
        case "*" | "_" | "~" | "|":
            return _look(text, at, where, found)
        case "<" | "@" | "[" | "h" | "s" | "d":
            return _target(text, at, found)
    return None


def _code(text: str, at: int, found: Seen) -> tuple[str, int] | None:
    if block := _BLOCK.match(text, at):
        code = block[2].strip("\n")
        found.blocks.append((block[1] or "", code))
        found.code.append(code)
        return code, block.end()
    # as a pattern may give ticks back, so `` `` ` `` is a span of two
    if span := _SPAN.match(text, at) or re.compile(r"(`+)(.+?)(?<!`)\1(?!`)", _DOTALL).match(text, at):
        code = span[2]
        code = code.removeprefix(" ") if code.lstrip(" ").startswith("`") else code
        code = code.removesuffix(" ") if code.rstrip(" ").endswith("`") else code
        found.spans.append(code)
        found.code.append(code)
        return code, span.end()
    return None


def _look(text: str, at: int, where: _Where, found: Seen) -> tuple[str, int] | None:
    matches = [(look, match) for look, pattern in _LOOKS[text[at]] if (match := pattern.match(text, at))]
    if not matches:
        return None
    look, match = max(matches, key=lambda each: each[1].end())
    return _styled(look, match[1], replace(where, before=_line_start(text, at, where)), found), match.end()


def _target(text: str, at: int, found: Seen) -> tuple[str, int] | None:
    if mention := _MENTION.match(text, at):
        found.mentions.append(mention[0])
        return mention[0], mention.end()
    if angled := _ANGLED.match(text, at):
        found.links.append((angled[1], angled[1]))
        return angled[1], angled.end()
    if bare := _BARE.match(text, at):
        found.bare.append(bare[0])
        return bare[0], bare.end()
    if masked := _MASKED.match(text, at):
        found.links.append((masked["label"], masked["target"]))
        return masked["label"], masked.end()
    return None
