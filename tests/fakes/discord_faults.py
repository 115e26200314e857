"""What goes wrong on purpose: once per request it is given to, in the order of the script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Scope = Literal["user", "shared", "global"]
Drop = Literal["", "before", "after", "silence"]


@dataclass
class Fault:
    """See `FakeDiscord.fail`."""

    method: str
    route: str
    status: int = 0
    code: int = 0
    times: int = 1
    after: int = 0
    retry_after: float | None = None
    scope: Scope = "user"
    html: bool = False
    via: bool = True
    drop: Drop = ""
    body: Any = None
    hold: asyncio.Event | None = None
    at: str = ""
    applied: bool = False
    struck: bool = False

    @property
    def replies(self) -> bool:
        """Whether the request is answered by the fault instead of by Discord; where it is `applied`, afterwards."""
        return bool(self.status or self.code or self.html or self.body is not None)

    def answer(self, message: str) -> Any:
        """The body of the reply."""
        if self.body is not None:
            return self.body
        if self.status == 429:
            told = {"message": "You are being rate limited.", "code": self.code, "global": self.scope == "global"}
            return told | ({} if self.retry_after is None else {"retry_after": self.retry_after})
        return {"message": message, "code": self.code}


class Faults:
    """The script."""

    def __init__(self) -> None:
        self._script: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._script.append(fault)
        return fault

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._script.clear()

    def take(self, method: str, route: str, ids: Mapping[str, str]) -> Fault | None:
        """The fault of this request, if it has one."""
        for fault in self._script:
            if (fault.method, fault.route) != (method, route) or fault.times == 0:
                continue
            if fault.at and fault.at not in ids.values():
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.times -= 1
            fault.struck = True
            return fault
        return None
