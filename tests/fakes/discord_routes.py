"""The routes of the REST API: who answers each, and what a handler is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.fakes.discord_errors import bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_values import Files, Json


@dataclass
class Asked:
    """A request that is authenticated and parsed. `files` are the parts of a multipart body, by name."""

    world: Events
    where: str
    ids: dict[str, str]
    query: dict[str, str]
    body: Any
    files: Files

    @property
    def json(self) -> Json:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise bad("", "Only dictionaries may be used in a DictType")
        return self.body


Handler = Callable[[Asked], Any]
_Any = TypeVar("_Any", bound=Handler)
NOTHING = object()  # answered by 204


@dataclass(frozen=True)
class Route:
    """`exempt`: an interaction's or webhook's, whose token is in the address and which the global limit spares."""

    method: str
    template: str
    handler: Handler
    status: int = 200
    exempt: bool = False


ROUTES: dict[tuple[str, str], Route] = {}
_PATTERNS: dict[str, re.Pattern[str]] = {}


def route(method: str, template: str, *, status: int = 200, exempt: bool = False) -> Callable[[_Any], _Any]:
    """Register the handler of a route."""

    def register(handler: _Any) -> _Any:
        ROUTES[method, template] = Route(method, template, handler, status, exempt)
        _PATTERNS[template] = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + r"\Z")
        return handler

    return register


def find(method: str, path: str) -> tuple[Route | None, str, dict[str, str]]:
    """The route of a request, its template and ids; literal segments win over ids."""
    matches = [(template, found) for template, pattern in _PATTERNS.items() if (found := pattern.match(path))]
    for template, found in sorted(matches, key=lambda each: each[0].count("{")):
        if (method, template) in ROUTES:
            return ROUTES[method, template], template, found.groupdict()
    return None, path, {}


_ID = re.compile(r"\d{15,20}\Z")


def check_ids(ids: dict[str, str]) -> None:
    """50035 where an id is no snowflake; interaction tokens and "@me", "@original" are none."""
    for name, value in ids.items():
        if name.endswith("_id") and not _ID.match(value) and not value.startswith("@"):
            raise bad(name, f'Value "{value}" is not snowflake.')
