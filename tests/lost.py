"""What may happen to a write and its reply: it took effect and nobody heard, or it did not and nobody heard of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.bootstrap import App
from tests.fakes.chat_replies import Exchange, chunked, head, stream
from tests.turns import ended

LOST: dict[str, dict[str, Any]] = {
    "applied, then reset": {"drop": "after"},
    "applied, then 500": {"applied": True, "status": 500},
    "refused, its 200 lost": {"drop": "before"},
    "applied, then silence": {"drop": "silence"},  # until the lease or the client's patience ends
}
QUICK = list(LOST)[:3]
AT_ONCE = 100  # questions
PATIENCE = 300.0  # seconds, on a machine that is busy otherwise


class Fault(Protocol):
    """What was done to one call."""

    @property
    def struck(self) -> bool:
        """Whether that call was made."""
        ...


@dataclass
class Case:
    """One question, the call of it whose reply is lost, and what has to be seen in the end."""

    name: str
    fault: Fault
    judge: Callable[[], None]


async def say_in_two(exchange: Exchange, parts: Sequence[str], seen: Callable[[], Awaitable[None]]) -> None:
    """Say the first part of an answer, and the other when `seen` returns."""
    first, begun, *rest = map(chunked, stream(parts))
    await exchange.send(head(200, "Transfer-Encoding: chunked") + first + begun)
    await seen()
    await exchange.send(b"".join([*rest, chunked(b"")]))


async def judged(app: App, cases: Sequence[Case], before: int) -> None:
    """Wait until all have their outcome, `before` having been asked before, and judge each."""
    await ended(app, before + len(cases), PATIENCE)
    for case in cases:
        try:
            assert case.fault.struck, "the call was never made"
            case.judge()
        except AssertionError as error:
            error.add_note(case.name)
            raise
