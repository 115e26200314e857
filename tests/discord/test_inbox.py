"""What was heard waits, in order, until it can be done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bots.discord.inbox import Inbox, Kind
from core.errors import (
    AskrepoError,
    DatabaseUnavailable,
    DatabaseUnreadable,
    NotYet,
    PlaceGone,
    PlatformAway,
    SettingsError,
)


class Doing:
    """Work that notes its name, and fails as often as told before it is done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.tried: list[str] = []

    def of(self, name: str, *failures: Exception) -> Callable[[], Awaitable[None]]:
        left = list(failures)

        async def work() -> None:
            self.tried.append(name)
            await asyncio.sleep(0)
            if left:
                raise left.pop(0)
            self.done.append(name)

        return work


@pytest.fixture
def doing() -> Doing:
    return Doing()


def inbox(room: int = 100) -> tuple[Inbox, list[float]]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    return Inbox(room=room, pause=pause), pauses


AWAY = DatabaseUnavailable("the database", "is away")
CLOSED = DatabaseUnreadable("the database", "permission denied")
REFUSED = SettingsError("DISCORD_TOKEN", "Discord does not accept it")


@pytest.mark.parametrize("failure", [AWAY, CLOSED, REFUSED, PlatformAway("502"), NotYet(1.0)])
async def test_what_cannot_be_done_now_is_done_later_and_first(doing: Doing, failure: Exception) -> None:
    box, pauses = inbox()
    box.put("one", doing.of("a", *[failure] * 12))
    box.put("one", doing.of("b"))
    box.put("two", doing.of("c"))
    await box.empty()
    assert doing.done == ["c", "a", "b"]
    assert len(pauses) == 12
    assert max(pauses) <= 5.0
    assert pauses[0] <= 0.1 < pauses[-1]


@pytest.mark.parametrize("failure", [PlaceGone("gone"), AskrepoError("no"), ValueError("what somebody wrote")])
async def test_what_can_never_be_done_holds_nothing_up(
    doing: Doing, failure: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    box, pauses = inbox()
    box.put("one", doing.of("a", failure))
    box.put("one", doing.of("b"))
    await box.empty()
    assert (doing.done, doing.tried, pauses) == (["b"], ["a", "b"], [])
    assert "what somebody wrote" not in capsys.readouterr().out


async def test_the_oldest_are_kept_and_the_rest_is_missed(doing: Doing) -> None:
    box, _ = inbox(room=2)
    for name in "abc":
        box.put("one", doing.of(name))
    assert box.missed.is_set()
    await box.empty()
    assert doing.done == ["a", "b"]
    box.put("one", doing.of("d"))
    await box.empty()
    assert doing.done == ["a", "b", "d"]


@pytest.mark.parametrize("kind", [Kind.DELETION, Kind.CHANGE])
async def test_what_nobody_looks_for_later_has_a_room_of_its_own(
    doing: Doing, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    box, _ = inbox(room=2)
    for name in "abc":
        box.put("one", doing.of(name))
    for name in "defg":
        box.put("one", doing.of(name), kind)
    await box.empty()
    assert doing.done == ["a", "b", "d", "e"]
    assert [kind.value in line for line in capsys.readouterr().out.splitlines()] == [False, True]
    box.put("one", doing.of("h"), kind)
    await box.empty()
    assert doing.done[4:] == ["h"]


async def test_at_the_end_what_can_be_done_is_done(doing: Doing) -> None:
    box, _ = inbox()
    for name in "abc":
        box.put("one", doing.of(name))
    await box.finished(5)
    assert doing.done == ["a", "b", "c"]


async def test_at_the_end_what_cannot_be_done_is_given_up(doing: Doing) -> None:
    box, _ = inbox()
    box.put("one", doing.of("a", *[AWAY] * 1_000_000))
    box.put("two", doing.of("b"))
    await box.finished(0.05)
    assert doing.done == ["b"]
    await box.empty()
