"""One message, however often it is heard of, and by however many processes: one answer.

Two processes that hear the same at once (DO-02): `pytest -m long -n 0 tests/discord/test_once.py`.
"""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from bots.roles import Role
from core.bootstrap import App
from core.cipher import new_key
from core.settings import Settings
from core.tables import TurnRow
from tests.discord import house
from tests.discord.conftest import Start
from tests.discord.house import World, finished
from tests.discord.outcomes import Seen, answers, outcome
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, says
from tests.fakes.discord_values import FORUM, Message
from tests.turns import ended

READ = ("GET", "/channels/{channel_id}/messages")
SAID = lines(6)


async def accepted(app: App) -> list[str]:
    """The messages of all questions, once each has its outcome."""
    await ended(app)
    async with app.database.reading() as connection:
        return sorted((await connection.execute(select(TurnRow.message_id))).scalars())


@pytest.fixture
def chat_says(chat: FakeChat) -> FakeChat:
    chat.will(*[says(SAID)] * 20)
    return chat


async def test_a_message_that_is_delivered_replayed_and_found_again_is_answered_once(
    world: World, app: App, chat_says: FakeChat
) -> None:
    """Twice in one session, again by its RESUME, and by catch-up once that session is lost."""
    discord = world.discord
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    forum = discord.channel(world.guild, "help", type=FORUM)
    asked = [
        await discord.says(world.alice, world.general, f"{discord.bot} one?"),
        await discord.says(world.bob, discord.dm(world.bob), "two?"),
        await discord.says(world.alice, await discord.opens_post(world.bob, forum, "Help", "!"), f"{discord.bot} 3?"),
    ]
    await again(world, asked)
    for question in asked:
        await house.answered(world, question)
    await discord.until(lambda: looked_through(world) >= {asked[0].channel.id, asked[2].channel.id})
    discord.gateway.drop()
    await again(world, asked)
    await discord.until(lambda: discord.gateway.resumes)
    discord.gateway.mute = True
    discord.gateway.lose_session()
    missed = [await discord.says(world.alice, each.channel, f"{discord.bot} more?") for each in (asked[0], asked[2])]
    discord.gateway.mute = False
    discord.gateway.drop()
    await house.answered(world, missed[0])  # which stands behind the others, and nobody else tells of it
    await house.answered(world, missed[1], 2)
    assert len(discord.gateway.identifies) == 2
    assert await accepted(app) == sorted(each.id for each in asked + missed)
    assert len(chat_says.requests) == 5
    for question in (*asked[:2], missed[0]):
        assert outcome(world, question, SAID) is Seen.WHOLE
    assert sum(map(finished, answers(world, asked[2]))) == 2


def looked_through(world: World) -> set[str]:
    """The channels that were read from a moment on, as catch-up does at every new session."""
    return {call.ids["channel_id"] for call in world.discord.called(*READ) if "after" in call.query}


async def again(world: World, asked: list[Message]) -> None:
    """Discord delivers each twice more."""
    for question in [*asked, *asked]:
        await world.discord.deliver_again(question)


async def test_a_message_is_answered_once_by_one_process_after_another(
    world: World, start: Start, chat_says: FakeChat
) -> None:
    """The second remembers nothing of what the first heard, and looks through the channel when it begins."""
    discord = world.discord
    async with start() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        question = await discord.says(world.alice, world.general, f"{discord.bot} one?")
        await house.answered(world, question)
    other = await discord.says(world.alice, world.general, f"{discord.bot} two?")
    async with start() as app:
        await discord.deliver_again(question)
        await house.answered(world, other)  # which stands behind the first, and nobody else tells of it
        assert await accepted(app) == [question.id, other.id]
    assert len(chat_says.requests) == 2
    assert outcome(world, question, SAID) is Seen.WHOLE


@pytest.mark.long
async def test_fifty_deliveries_to_each_of_two_processes_are_one_question(
    world: World, start: Start, chat_says: FakeChat
) -> None:
    """DO-02: Discord tells every session of a shard; the second has to begin five seconds after the first."""
    discord = world.discord
    async with start() as app, start():
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await discord.until(lambda: len(discord.gateway.sessions) == 2, seconds=60)
        question = await discord.says(world.alice, world.general, f"{discord.bot} one?")
        for _ in range(49):
            await discord.deliver_again(question)
        await house.answered(world, question)
        other = await discord.says(world.alice, world.general, f"{discord.bot} two?")
        await house.answered(world, other)  # which stands behind the others in both
        assert await accepted(app) == [question.id, other.id]
    assert len(chat_says.requests) == 2
    for each in (question, other):
        assert outcome(world, each, SAID) is Seen.WHOLE


# one process listens, another answers


@pytest.fixture
def given(world: World, chat: FakeChat, postgres_url: str) -> Settings:
    return house.settings(world.discord, chat, postgres_url, ASKREPO_SECRET_KEYS=new_key().text())


async def test_what_is_pressed_is_heard_by_a_process_that_never_answered(
    world: World, given: Settings, chat: FakeChat
) -> None:
    """It began after one answer was posted, and while another was being written."""
    discord, gate = world.discord, asyncio.Event()
    chat.will(says(SAID), in_two(SAID, gate), says("In the attic."))
    async with house.askrepo(discord, given, [Role.WORKER]):
        async with house.askrepo(discord, given, [Role.DISCORD]) as listener:
            await listener.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
            one = await discord.says(world.alice, world.general, f"{discord.bot} one?")
            (answer,) = await house.answered(world, one)
            two = await discord.says(world.alice, world.general, f"{discord.bot} two?")
            await discord.until(lambda: any("Line" in post.content for post in answers(world, two)))
        async with house.askrepo(discord, given, [Role.DISCORD]) as listener:
            (post,) = answers(world, two)
            await discord.clicks(world.bob, post, "Stop")
            await house.answered(world, two)
            thanked = await discord.clicks(world.bob, answer, "👍")
            await discord.until(lambda: thanked.follow_ups)
            assert await listener.feedback.counts(world.place.workspace) == (1, 0)
            await discord.clicks(world.bob, answer, "Retry")
            await discord.until(lambda: "attic" in answer.content and finished(answer))
            assert sorted(await ended(listener, 2)) == ["answered", "stopped"]
    gate.set()
    assert "Line 2 of" in post.content
    assert "Line 3 of" not in post.content
    assert "stopped" in post.content
    assert [answers(world, each) for each in (one, two)] == [[answer], [post]]
    assert len(chat.requests) == 3
