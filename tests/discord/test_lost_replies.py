"""Every write of an answer to Discord, and every way in which its reply can be lost: one outcome, whole (DO-07).

The ordinary run loses one reply of each write; a long run 100 of each write and each way, and 100 long runs the 10,000
of each (a bot makes 43 requests a second, so that one takes ten minutes at least):

    pytest -m long -n 2 tests/discord/test_lost_replies.py
    pytest -m long -n 0 "tests/discord/test_lost_replies.py::test_all_of_them[0]"
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, product

import pytest

from bots.discord.reference import Reference
from core import logs
from core.bootstrap import App
from tests.discord.answering import answering, commanded, question, settings
from tests.discord.house import World
from tests.discord.outcomes import Seen, answers, outcome, told
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.discord_faults import Fault
from tests.fakes.discord_values import Message
from tests.lost import AT_ONCE, LOST, PATIENCE, QUICK, Case, judged, say_in_two

SAID, MORE = lines(6), lines(120)  # in one post, and in two
NUMBERS = count()
FEW_AT_ONCE = 3  # each is refused two edits, and perhaps a deletion


@dataclass(frozen=True)
class Write:
    """A request that shows something, `after` so many others of its kind, and what has to be so for it to be made."""

    method: str
    route: str
    long: bool = False
    after: int = 0
    by_command: bool = False
    unmapped: bool = False
    edits_refused: bool = False

    @property
    def text(self) -> str:
        return "why, at length?" if self.long else "why?"


_MESSAGES, _MESSAGE = "/channels/{channel_id}/messages", "/channels/{channel_id}/messages/{message_id}"
WRITES = [
    Write("POST", f"{_MESSAGE}/threads"),
    Write("POST", _MESSAGES),
    Write("POST", _MESSAGES, long=True, after=1),
    Write("POST", _MESSAGES, by_command=True),
    Write("POST", _MESSAGES, unmapped=True),
    Write("PATCH", _MESSAGE),
    Write("PATCH", _MESSAGE, long=True, after=1),
    Write("DELETE", _MESSAGE, edits_refused=True),
]


def judge(write: Write, world: World, root: Message | None) -> None:
    """It ends as if nothing had been lost."""
    if root is None:
        (root,) = world.discord.answers(world.general)  # which shows the question of a command
    if write.unmapped:
        assert answers(world, root) == []
        assert len(told(world, root)) == 1
        return
    assert outcome(world, root, MORE if write.long else SAID) is Seen.WHOLE
    assert len(world.discord.threads(world.general)) == 1


async def begun(world: World, speaker: Speaker, app: App, write: Write, lost: str) -> Case:
    """Somebody asks in a channel of their own, about a repository of its own."""
    discord, number = world.discord, next(NUMBERS)
    world = replace(
        world,
        general=discord.channel(world.guild, f"channel-{number}"),
        alice=discord.user(world.guild, f"person-{number}"),
    )
    repository = f"github.com/acme/{number}"
    if not write.unmapped:
        await app.mappings.map(world.place, repository, actor="test")
    root = None
    if write.by_command:
        asked = commanded(world, world.alice, write.text, Reference(outsider=False))
    else:
        root = await discord.says(world.alice, world.general, f"{discord.bot} {write.text}")
        asked = question(world, root)
    at = world.general.id if root is None or write.unmapped else root.id  # which is its thread's as well
    if write.edits_refused:
        discord.fail("PATCH", _MESSAGE, code=10008, times=-1, at=at)
    fault = discord.fail(write.method, write.route, after=write.after, at=at, **LOST[lost])
    if write.long and root is not None:
        speaker.at_length[repository] = world, root, fault
    await app.intake.accept(asked)
    return Case(f"{write}: {lost}", fault, partial(judge, write, world, root))


class Speaker:
    """What /chat says. A long answer goes on once its beginning stands, or the call was made whose reply is lost."""

    def __init__(self) -> None:
        self.at_length: dict[str, tuple[World, Message, Fault]] = {}  # by the repository

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.repository not in self.at_length:
            await says(*SAID.splitlines(keepends=True), delay=0.01)(exchange)
            return
        world, root, fault = self.at_length[exchange.request.repository]
        at = MORE.index("Line 12 ")
        seen = partial(world.discord.until, lambda: fault.struck or _stands(world, root), PATIENCE)
        await say_in_two(exchange, (MORE[:at], MORE[at:]), seen)


def _stands(world: World, root: Message) -> bool:
    return any("Line" in post.content for post in answers(world, root))


@pytest.fixture
def speaker(chat: FakeChat) -> Speaker:
    chat._default = speaking = Speaker()
    return speaking


async def lose(
    world: World, chat: FakeChat, speaker: Speaker, database_url: str, wanted: Sequence[tuple[Write, str]]
) -> None:
    """Ask one question for each of these replies, and see that all end as they should."""
    asked = 0
    for some in batches(wanted):
        async with answering(world, settings(chat, database_url)) as app:
            await judged(app, await asyncio.gather(*(begun(world, speaker, app, *each) for each in some)), asked)
        asked += len(some)
        world.discord.faults.clear()
        for thread in world.discord.threads(world.guild):
            if thread.thread and not thread.thread.archived:  # a guild has room for a thousand that are active
                await world.discord.archives(thread)


def batches(wanted: Sequence[tuple[Write, str]]) -> Iterator[Sequence[tuple[Write, str]]]:
    """Each for a process of its own: to a guild that refused it ten calls, it sends hardly anything any more."""
    for refused, most in ((False, AT_ONCE), (True, FEW_AT_ONCE)):
        some = [each for each in wanted if each[0].edits_refused is refused]
        yield from (some[start : start + most] for start in range(0, len(some), most))


async def test_a_reply_of_every_write_is_lost(world: World, chat: FakeChat, speaker: Speaker, sqlite_url: str) -> None:
    """DO-07, a sample: each write in one of three ways."""
    await lose(world, chat, speaker, sqlite_url, [(write, QUICK[at % len(QUICK)]) for at, write in enumerate(WRITES)])


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", range(100))
async def test_all_of_them(world: World, chat: FakeChat, speaker: Speaker, sqlite_url: str, number: int) -> None:
    """DO-07: each write, in each way, a hundred times; the number is only that of the run."""
    logs.configure("critical", "console")
    await lose(world, chat, speaker, sqlite_url, [each for each in product(WRITES, LOST) for _ in range(100)])
