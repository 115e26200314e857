"""Pure: the Markdown of an answer, read as a tree."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

from core.links import BARE, reach

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*$")
_LONGEST_SCHEME = 32
_BARE = re.compile(BARE)
_ENDS = re.compile(r"\*\*|~~")


def read(text: str) -> SyntaxTreeNode:
    """As CommonMark with tables and strikethrough; HTML is text, and link definitions, which may be in another post."""
    return SyntaxTreeNode(_READER.parse(text))


def _address(state: StateInline, silent: bool) -> bool:
    """A bare address is text as it stands: no emphasis of the underscores in it."""
    if not state.src.startswith("://", state.pos):
        return False
    scheme = _SCHEME.search(state.src[max(0, state.pos - _LONGEST_SCHEME) : state.pos])
    found = _BARE.match(state.src, state.pos - len(scheme[0]), state.posMax) if scheme else None
    if found is None:
        return False
    address = found[0][: reach(found[0])]
    if cut := _ENDS.search(address):
        address = address[: cut.start()]
    end = found.start() + len(address)
    if end <= state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


class _Reader(MarkdownIt):
    """Takes targets as they were written, any of them."""

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return link


def _reader() -> MarkdownIt:
    reader = _Reader("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
    reader.inline.ruler.before("escape", "address", _address)
    reader.inline.add_terminator_char(":")
    return reader


_READER = _reader()
