"""The tree at the top of core/errors.py is the one of its classes."""

from __future__ import annotations

import re

from core import errors
from core.errors import AskrepoError, ChatError

_BRANCH = re.compile(r"^ {4}((?:[│ ] {3})*)[├└]── (\w+)", re.MULTILINE)


def drawn(tree: str) -> list[tuple[str, str]]:
    """Each class under the one it stands below."""
    path, found = [AskrepoError.__name__], []
    for indent, name in _BRANCH.findall(tree):
        del path[1 + len(indent) // 4 :]
        found.append((path[-1], name))
        path.append(name)
    return found


def built(kind: type[AskrepoError], *, but: type[AskrepoError] | None = None) -> list[tuple[str, str]]:
    """The same of the classes, without what is below one."""
    if kind is but:
        return []
    ours = [below for below in kind.__subclasses__() if below.__module__ == errors.__name__]
    return [each for below in ours for each in ((kind.__name__, below.__name__), *built(below, but=but))]


def test_the_tree_that_is_drawn_is_the_one_that_is() -> None:
    assert sorted(drawn(errors.__doc__ or "")) == sorted(built(AskrepoError, but=ChatError))


def test_what_the_tree_leaves_to_chat_error_stands_there() -> None:
    branches = (ChatError.__doc__ or "").partition("Branches:")[2]
    assert {name for _, name in built(ChatError)} <= set(re.findall(r"\w+", branches))
