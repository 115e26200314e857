"""The record of a request of the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.fakes.discord_values import Json


@dataclass(frozen=True)
class Call:
    """One request of the app, as it was answered. `route` is the template; `status` 0 means the socket was dropped."""

    method: str
    route: str
    ids: dict[str, str]
    query: dict[str, str]
    body: Json
    status: int
    answer: Any
    at: float
    files: tuple[tuple[str, bytes], ...] = ()
    shared: bool = False  # a 429 of scope shared

    @property
    def invalid(self) -> bool:
        """Whether Discord counts it towards the ban of an address: 401, 403 and 429, but for scope shared."""
        return self.status in {401, 403, 429} and not self.shared

    @property
    def name(self) -> str:
        """The method and route, like POST /channels/{channel_id}/messages."""
        return f"{self.method} {self.route}"
