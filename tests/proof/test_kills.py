"""Real processes killed by SIGKILL at random times, while questions come in: nothing lost, doubled or misplaced.

pytest -m long -n 0 tests/proof/test_kills.py
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bots.roles import Role
from core import logs
from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.settings import Settings
from tests.console.processes import forking
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Message, User
from tests.mortal import MortalProcess
from tests.slack import house
from tests.slack.house import REPOSITORY, World
from tests.slack.outcomes import answers
from tests.turns import ended

KILLS = 20
WORKERS = 3
RATE = 5.0  # questions a second, from as many people that nobody meets a limit
ENDED_WITHIN = 300.0  # seconds after the last kill


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    with forking() as path:
        yield path


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async def answer(exchange: Exchange) -> None:
        await says(*lines(20).splitlines(keepends=True), delay=0.05)(exchange)

    async with FakeChat(token="process-token-1234", default=answer) as fake:
        yield fake


@pytest.mark.long
@pytest.mark.timeout(1_200)
async def test_workers_killed_while_they_answer(database_url: str, forks: Path, tmp_path: Path, chat: FakeChat) -> None:
    logs.configure("error", "console")
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with FakeSlack() as slack:
        slack.allows("streaming_state_conflict")  # a dead worker's stream is still open when another takes over
        world = house.world(slack)
        people = [slack.user(world.team, f"person{number}") for number in range(50)]
        channels = [slack.channel(world.team, f"channel{number}", *people) for number in range(5)]
        async with receiving(world, chat, database_url, channels) as (app, environment):
            workers = [
                MortalProcess(forks, folder(tmp_path, number), ("worker",), environment) for number in range(WORKERS)
            ]
            for worker in workers:
                await worker.start()
            asking = asyncio.create_task(ask(world, people, channels, dice))
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(0.2, 3))
                worker = dice.choice(workers)
                worker.kill()
                await worker.start()
            asking.cancel()
            roots = await asking
            await ended(app, len(roots), ENDED_WITHIN)
            for worker in workers:
                worker.kill()
        wrong = {root.text: problem for root in roots if (problem := outcome(world, root))}
        assert wrong == {}, f"seed {seed}"
        assert len(roots) > KILLS


def folder(under: Path, number: int) -> Path:
    made = under / f"worker{number}"
    made.mkdir()
    return made


@asynccontextmanager
async def receiving(
    world: World, chat: FakeChat, database_url: str, channels: list[Channel]
) -> AsyncIterator[tuple[App, dict[str, str]]]:
    """What receives, in this process; with the settings of those who answer."""
    environment = {
        "DATABASE_URL": database_url,
        "ASKREPO_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_CHAT_TOKEN": "process-token-1234",
        "ASKREPO_SLACK_API_URL": world.slack.api_url,
        "SLACK_BOT_TOKEN": world.askrepo.token,
        "SLACK_SIGNING_SECRET": world.slack.app.signing_secret,
        "PORT": "0",
    }
    async with house.askrepo(world.slack, Settings.model_validate(environment), (Role.WEB,)) as app:
        for channel in channels:
            place = ChannelRef("slack", world.team.id, channel.id)
            await app.mappings.map(place, REPOSITORY, actor=world.alice.id)
        yield app, environment


async def ask(world: World, people: list[User], channels: list[Channel], dice: random.Random) -> list[Message]:
    """Ask until cancelled; what was asked."""
    roots: list[Message] = []
    try:
        while True:
            await asyncio.sleep(dice.expovariate(RATE))
            words = f"{world.askrepo.bot} Question {len(roots)}?"
            roots.append(await world.slack.says(dice.choice(people), dice.choice(channels), words))
    except asyncio.CancelledError:
        return roots


def outcome(world: World, root: Message) -> str:
    """What is wrong with what the thread shows; "" for one whole answer, or one reason why there is none."""
    posts = answers(world, root)
    finished = [post for post in posts if any(each["action_id"] == "retry" for each in post.buttons)]
    alone = world.slack.ephemerals(root.channel, root.author)
    if not finished:
        return "" if alone and not posts else f"{len(posts)} posts, none of them an end"
    if finished != posts[-1:]:
        return f"{len(finished)} ends in {len(posts)} posts"
    shown = "".join(post.body for post in posts)
    if shown != lines(20) and any(line in shown for line in lines(20).splitlines()):
        return f"not the whole answer once: {shown!r}"
    return ""
