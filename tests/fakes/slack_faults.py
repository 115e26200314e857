"""What goes wrong on purpose: once per request it is given to, in the order of the script."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.slack_values import Json

Drop = Literal["", "before", "after", "silence"]


@dataclass
class Fault:
    """See `FakeSlack.fail`."""

    method: str
    error: str = ""
    status: int = 200
    retry_after: int | None = None
    html: bool = False
    drop: Drop = ""
    hold: asyncio.Event | None = None
    times: int = 1
    after: int = 0
    applied: bool = False
    at: str = ""
    more: Json = field(default_factory=dict)
    body: bytes | None = None
    media: str = "application/json"
    struck: bool = False

    @property
    def replies(self) -> bool:
        """Whether the request is answered by the fault instead of by Slack; where it is `applied`, afterwards."""
        return bool(self.error or self.html or self.body is not None or self.status != 200)


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

    def take(self, method: str, arguments: Json) -> Fault | None:
        """The fault of this request, if it has one."""
        for fault in self._script:
            if fault.method != method or fault.times == 0:
                continue
            if fault.at and fault.at not in arguments.values():
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.times -= 1
            fault.struck = True
            return fault
        return None
