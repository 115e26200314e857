"""A process killed before or after every database, Slack and /chat call of one question: one outcome in one thread.

The ordinary run takes a sample; all of it: `pytest -m long -n 0 tests/slack/test_kill_points.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import aiohttp
import pytest

from core.cipher import Keyring
from core.database import Database
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.relay.dying import Life, Loss, NamedLife
from tests.slack.questions import Questions
from tests.slack.ways import EDITED, POSTED, ROLLED, STREAMED, End, How, Speaker, Way

WAYS = [
    Way("streamed"),
    Way("posted", streaming=False, calls=POSTED),
    Way("command", How.COMMAND, calls=STREAMED | {"chat.postMessage"}),
    Way("follow-up", How.FOLLOW_UP),
    Way("overtaken", How.OVERTAKEN),
    Way("long streamed", lines=1_000, calls=ROLLED),
    Way("long posted", lines=1_000, streaming=False, calls=POSTED),
    Way("with a file", lines=2_700, calls=ROLLED | {"upload", "files.completeUploadExternal"}),
    Way("broken off", end=End.BROKEN_OFF),
    Way("given up", end=End.GIVEN_UP, inherited=True, calls=EDITED),
    Way("taken over", inherited=True, calls=EDITED),
    Way("long and taken over", lines=1_000, inherited=True, calls=EDITED | {"chat.delete"}),
    Way("after the end of its stream", seconds=400.0),
    Way("long, after the end of its stream", lines=1_000, seconds=400.0, calls=ROLLED),
    Way("taken over after the end of its stream", inherited=True, seconds=400.0, calls=EDITED),
    Way("refused", end=End.REFUSED, calls=frozenset({"chat.postEphemeral"})),
    Way("refused command", How.COMMAND, End.REFUSED, calls=frozenset({"response"})),
]
LOSING = [way for way in WAYS if way.inherited or not way.streams_end]
SAMPLE = ("posted", "command", "long streamed", "after the end of its stream", "long and taken over")
# what runs beside a turn, more often on a slow machine; two calls at the same time may share a reservation's write
BESIDE = {"Leases.claim", "Leases.renew", "Leases.free_expired", "Places.long_waiting", "Allowances._reserve"}


def cases(ways: Sequence[Way], *sample: str) -> list[Any]:
    """Each of these ways on each database with all its steps; and for the ordinary run a few ways with a few steps."""
    long = [
        pytest.param(each, name, True, id=f"{each.name}-{name}", marks=pytest.mark.long)
        for each, name in product(ways, ("sqlite", "postgresql"))
    ]
    return long + [
        pytest.param(each, "sqlite", False, id=f"{each.name}-sample") for each in ways if each.name in sample
    ]


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture
async def questions(
    slack: FakeSlack, way: Way, database_url: str, database: Database, keyring: Keyring
) -> AsyncIterator[Questions]:
    speaker = Speaker(way)
    async with FakeChat(default=speaker) as speaker.chat:
        yield Questions(slack, speaker, database_url, database, keyring)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("way", "database_url", "whole"), cases(WAYS, *SAMPLE), indirect=["way", "database_url"])
async def test_one_outcome_after_a_kill_at_any_step(questions: Questions, whole: bool) -> None:
    """A process that is not killed shows which steps there are; then one dies at each of them."""

    async def lives() -> list[str]:
        return (await outlived(questions, "")).taken

    async def dies(at: str) -> bool:
        return (await outlived(questions, at)).dead.is_set()

    steps = await lives()
    assert questions.way.calls <= {step.split()[1] for step in steps}, steps
    points = steps if whole else [step for step in steps if step.startswith("after chat.")]
    killed, missed = await gone_through(points, lives, dies)
    print(f"{questions.way}: killed at {killed} of {len(steps)} steps")
    assert {each.partition(" by ")[2].split()[0] for each in missed} <= BESIDE, missed


async def outlived(questions: Questions, at: str) -> NamedLife:
    """A question has its outcome, even if its process dies at this step."""
    life = NamedLife(at=at)
    async with noted(life):
        await questions.next()
        await questions.die(life)
        if await questions.rescue():
            questions.check(life)
        else:
            assert questions.unseen
    return life


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("way", "database_url", "whole"), cases(LOSING, *SAMPLE[:1]), indirect=["way", "database_url"])
async def test_one_outcome_where_a_call_or_its_reply_is_lost(questions: Questions, whole: bool) -> None:
    """A process that loses nothing shows what it calls; then one loses each call, another each reply."""

    async def loses_nothing() -> list[str]:
        return (await got_over(questions, "")).taken

    async def loses(at: str) -> bool:
        return (await got_over(questions, at)).struck.is_set()

    calls = await loses_nothing()
    lost = calls if whole else [call for call in calls if call.startswith("after chat.")]
    number, missed = await gone_through(lost, loses_nothing, loses)
    print(f"{questions.way}: {number} of {len(calls)} calls and replies were lost")
    assert missed == []


async def got_over(questions: Questions, at: str) -> Loss:
    """A question has its outcome, even if its process loses this call or reply."""
    loss = Loss(aiohttp.ServerDisconnectedError, at)
    async with noted(loss):
        await questions.next()
        await questions.lose(loss)
        questions.check(loss)
    return loss


async def gone_through(
    points: Sequence[str], steps: Callable[[], Awaitable[list[str]]], reaches: Callable[[str], Awaitable[bool]]
) -> tuple[int, list[str]]:
    """How many of the points were reached, and which were not, although the steps have them the second time too.

    A process that stood still may show more often than any other, or less often than at first; so they are tried again.
    """
    once = [at for at in points if not await reaches(at)]
    known = await steps() if once else []
    again = [at for at in once if at in known]
    missed = [at for at in again if not await reaches(at)]
    return len(points) - len(once) + len(again) - len(missed), missed


@asynccontextmanager
async def noted(about: Life | Loss) -> AsyncIterator[None]:
    """What fails says where; and so does what never ends."""
    try:
        async with asyncio.timeout(120):
            yield
    except BaseException as error:
        error.add_note(str(about))
        raise
