"""A token that somebody types where a question is expected: they are told so, and it goes nowhere (IO-12)."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.bootstrap import App
from core.channels import replies
from core.tables import TurnRow
from tests.discord import house
from tests.discord.conftest import Start
from tests.discord.house import World
from tests.discord.people import People
from tests.fakes.chat import FakeChat
from tests.fakes.discord_values import Channel, Message

CANARY = f"ghp_{'cAnArY0123456789' * 2}abcd"
IN_URL = f"https://oauth2:{CANARY}@github.com/calcom/cal.com"


@pytest.fixture
def people(world: World) -> People:
    return People(world.discord, world.general)


def warnings(world: World, channel: Channel) -> list[Message]:
    return [each for each in world.discord.answers(channel) if replies.token_pasted() in each.content]


async def warned(world: World, channel: Channel) -> None:
    """They were told once."""
    await world.discord.until(lambda: warnings(world, channel))
    assert len(warnings(world, channel)) == 1


async def turns(app: App) -> int:
    async with app.database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(TurnRow))).scalar_one()


def repeated(world: World, chat: FakeChat) -> list[object]:
    """Where we repeated it: calls of Discord's, and requests to /chat."""
    sent = [*(call.body for call in world.discord.calls), *(request.body for request in chat.requests)]
    return [each for each in sent if CANARY in str(each)]


TEXTS = [f"map calcom/cal.com {CANARY}", f"map {IN_URL} please", f"update token {CANARY}", f"key {CANARY}", CANARY]


@pytest.mark.parametrize("text", TEXTS)
async def test_by_a_command_of_somebody_who_may_enter_tokens(
    world: World, people: People, app: App, chat: FakeChat, text: str
) -> None:
    form = await people.opened(world.alice, "askrepo", {"question": text})
    assert replies.token_pasted() in str(form.components)
    assert world.discord.answers(world.general) == []
    assert (await turns(app), repeated(world, chat)) == (0, [])


@pytest.mark.parametrize("public_url", ["", "https://bot.example.org"])
async def test_by_a_command_of_somebody_who_may_not(
    world: World, people: People, chat: FakeChat, sqlite_url: str, public_url: str
) -> None:
    given = house.settings(world.discord, chat, sqlite_url, ASKREPO_PUBLIC_URL=public_url)
    async with house.askrepo(world.discord, given) as app:
        said = await people.command(world.bob, "askrepo", {"question": f"my token is {CANARY}"})
        assert said.content.startswith(replies.token_pasted())
        assert "Manage Channels" in said.content
        assert world.discord.answers(world.general) == []
        assert (await turns(app), repeated(world, chat)) == (0, [])


async def test_where_no_token_is_needed_it_is_warned_of_all_the_same(
    world: World, people: People, chat: FakeChat, sqlite_url: str
) -> None:
    async with house.askrepo(world.discord, house.settings(world.discord, chat, sqlite_url, ASKREPO_CHAT_URL="")):
        said = await people.command(world.alice, "askrepo", {"question": f"map acme/other {CANARY}"})
        assert said.content.startswith(replies.token_pasted())


@pytest.mark.parametrize("text", [f"token set {CANARY}", f"why does {CANARY} give 401?", f"clone {IN_URL}", CANARY])
async def test_by_a_mention(world: World, app: App, chat: FakeChat, text: str) -> None:
    discord, general = world.discord, world.general
    question = await discord.says(world.bob, general, f"{discord.bot} {text}")
    await discord.deliver_again(question)
    await warned(world, general)
    await house.answered(world, await discord.says(world.alice, general, f"{discord.bot} where is login?"))
    await warned(world, general)
    assert (await turns(app), repeated(world, chat)) == (1, [])


async def test_in_a_thread(world: World, app: App, chat: FakeChat) -> None:
    discord = world.discord
    root = await discord.says(world.bob, world.general, f"{discord.bot} where is login?")
    await house.answered(world, root)
    thread = world.thread(root)
    assert thread is not None
    await discord.says(world.bob, thread, f"and with {CANARY}?")
    await warned(world, thread)
    await discord.says(world.bob, thread, "and then?")
    await house.answered(world, root, 2)
    assert (await turns(app), repeated(world, chat)) == (2, [])


async def test_in_a_thread_that_is_none_of_ours_nothing_is_said(world: World, app: App, chat: FakeChat) -> None:
    discord = world.discord
    thread = await discord.opens_thread(world.bob, await discord.says(world.bob, world.general, "Login fails."))
    reply = await discord.says(world.bob, thread, "I will have a look")
    await discord.edits(reply, f"try {CANARY}")
    await discord.says(world.bob, thread, f"or {CANARY}")
    await house.answered(world, await discord.says(world.alice, world.general, f"{discord.bot} where is login?"))
    assert discord.answers(thread) == []


async def test_in_a_direct_message(world: World, app: App, chat: FakeChat) -> None:
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    direct = world.discord.dm(world.alice)
    await world.discord.says(world.alice, direct, f"my token is {CANARY}")
    await warned(world, direct)
    assert (await turns(app), repeated(world, chat)) == (0, [])


async def test_by_an_edit(world: World, app: App, chat: FakeChat) -> None:
    discord, general = world.discord, world.general
    root = await discord.says(world.bob, general, f"{discord.bot} where is login?")
    await house.answered(world, root)
    await discord.edits(root, f"{discord.bot} where is login with {CANARY}?")
    await warned(world, general)
    assert (await turns(app), repeated(world, chat)) == (1, [])


async def test_by_the_form_about_a_message(world: World, people: People, app: App, chat: FakeChat) -> None:
    message = await world.discord.says(world.alice, world.general, "Login fails.")
    await world.discord.until(lambda: world.discord.commands.get(""))
    await people.form(world.bob, await world.discord.context_command(world.bob, message, "Ask about this message"))
    said = await people.sent(world.bob, question=f"with {CANARY}?")
    await world.discord.until(lambda: said.content == replies.question_with_token())
    assert world.discord.answers(world.general) == []
    assert (await turns(app), repeated(world, chat)) == (0, [])


async def test_by_the_message_that_is_asked_about(world: World, people: People, app: App, chat: FakeChat) -> None:
    discord = world.discord
    message = await discord.says(world.alice, world.general, f"Login fails with {CANARY}.")
    await discord.until(lambda: discord.commands.get(""))
    said = await people.reply(await discord.context_command(world.bob, message, "Ask about this message"))
    assert said.content == replies.token_pasted()


async def test_what_was_said_before_in_the_thread(world: World, app: App, chat: FakeChat) -> None:
    discord = world.discord
    thread = await discord.opens_thread(world.bob, await discord.says(world.bob, world.general, "Login fails."))
    reply = await discord.says(world.bob, thread, f"{discord.bot} with {CANARY}?")
    await warned(world, thread)
    await discord.says(world.alice, thread, f"{discord.bot} why?", reply_to=reply)
    await discord.until(lambda: any(map(house.finished, discord.answers(thread))))
    assert "Login fails." in chat.requests[0].questions[0]
    assert repeated(world, chat) == []


async def test_what_was_missed_is_not_told_again_after_each_start(world: World, start: Start, chat: FakeChat) -> None:
    discord, general = world.discord, world.general
    async with start() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await discord.says(world.bob, general, f"{discord.bot} token set {CANARY}")
        await warned(world, general)
    question = await discord.says(world.alice, general, f"{discord.bot} where is login?")
    async with start():
        await house.answered(world, question)
        await warned(world, general)
    assert repeated(world, chat) == []
