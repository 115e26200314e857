"""A token that somebody types where a question is expected: they are told in private, and it goes nowhere (IO-12)."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.bootstrap import App
from core.channels import replies
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.slack_values import Channel, Message, User
from tests.slack import house
from tests.slack.house import World

CANARY = f"ghp_{'cAnArY0123456789' * 2}abcd"
IN_URL = f"https://oauth2:{CANARY}@github.com/calcom/cal.com"


async def told(world: World, user: User, channel: Channel | None = None) -> Message:
    """The one private message they got."""
    where = channel or world.general
    await world.slack.until(lambda: world.slack.ephemerals(where, user))
    (message,) = world.slack.ephemerals(where, user)
    assert replies.token_pasted() in message.shown
    return message


async def turns(app: App) -> int:
    async with app.database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(TurnRow))).scalar_one()


def repeated(world: World, chat: FakeChat) -> list[object]:
    """Where we repeated it: calls of Slack's, and requests to /chat."""
    sent = [*(call.arguments for call in world.slack.calls), *(request.body for request in chat.requests)]
    return [each for each in sent if CANARY in str(each)]


@pytest.mark.parametrize("user", ["alice", "bob"])
@pytest.mark.parametrize(
    "text", [f"map calcom/cal.com {CANARY}", f"map {IN_URL} please", f"update token {CANARY}", f"key {CANARY}", CANARY]
)
async def test_by_a_command(world: World, app: App, chat: FakeChat, user: str, text: str) -> None:
    someone: User = getattr(world, user)
    await world.slack.command(someone, world.general, text)
    assert CANARY not in (await told(world, someone)).shown
    assert [post for post in world.slack.posts(world.general) if post.bot_id] == []
    assert (await turns(app), repeated(world, chat)) == (0, [])


@pytest.mark.parametrize("text", [f"token set {CANARY}", f"why does {CANARY} give 401?", f"clone {IN_URL}", CANARY])
async def test_by_a_mention(world: World, app: App, chat: FakeChat, text: str) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    await slack.says(world.bob, general, f"{bot} {text}")
    assert (await told(world, world.bob)).thread_ts is None
    root = await slack.says(world.alice, general, f"{bot} where is login?")
    await house.answered(world, root)
    assert (await turns(app), repeated(world, chat), len(slack.ephemerals(general, world.bob))) == (1, [], 1)


@pytest.mark.parametrize("mention", [False, True])
async def test_in_a_thread(world: World, app: App, chat: FakeChat, mention: bool) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    root = await slack.says(world.bob, general, f"{bot} where is login?")
    await house.answered(world, root)
    await slack.says(world.bob, general, f"{bot if mention else ''} and with {CANARY}?", thread=root.ts)
    assert (await told(world, world.bob)).thread_ts == root.ts
    await slack.says(world.bob, general, f"{bot} and then?", thread=root.ts)
    await house.answered(world, root, 2)
    assert (await turns(app), repeated(world, chat), len(slack.ephemerals(general, world.bob))) == (2, [], 1)


async def test_in_a_thread_that_is_none_of_ours_nothing_is_said(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    root = await slack.says(world.alice, general, "Login fails.")
    reply = await slack.says(world.bob, general, "I will have a look", thread=root.ts)
    await slack.edits(reply, f"try {CANARY}")
    await slack.says(world.bob, general, f"or {CANARY}", thread=root.ts)
    await house.answered(world, await slack.says(world.alice, general, f"{world.askrepo.bot} where is login?"))
    assert slack.ephemerals(general, world.bob) == []


async def test_in_a_direct_message(world: World, app: App, chat: FakeChat) -> None:
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    direct = world.slack.dm(world.alice)
    await world.slack.says(world.alice, direct, f"my token is {CANARY}")
    await told(world, world.alice, direct)
    assert (await turns(app), repeated(world, chat)) == (0, [])


async def test_by_an_edit(world: World, app: App, chat: FakeChat) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    root = await slack.says(world.bob, general, f"{bot} where is login?")
    await house.answered(world, root)
    await slack.edits(root, f"{bot} where is login with {CANARY}?")
    answered_before = await told(world, world.bob)
    assert answered_before.buttons == []
    await slack.edits(root, f"{bot} where is logout?")
    await slack.until(lambda: len(slack.ephemerals(general, world.bob)) == 2)
    assert (await turns(app), repeated(world, chat)) == (1, [])


async def test_by_the_form_about_a_message(world: World, app: App, chat: FakeChat) -> None:
    slack = world.slack
    message = await slack.says(world.alice, world.general, "Login fails.")
    await slack.shortcut(world.bob, message, "ask_about_message")
    await slack.until(lambda: slack.modal(world.bob))
    form = slack.modal(world.bob)
    assert form is not None
    refused = await slack.submits(world.bob, form, question=f"with {CANARY}?")
    assert refused.answer["errors"] == {"question": replies.question_with_token()}
    assert (await turns(app), repeated(world, chat)) == (0, [])


async def test_by_the_message_that_is_asked_about(world: World, app: App, chat: FakeChat) -> None:
    message = await world.slack.says(world.alice, world.general, f"Login fails with {CANARY}.")
    await world.slack.shortcut(world.bob, message, "ask_about_message")
    await told(world, world.bob)
    assert world.slack.modal(world.bob) is None


async def test_what_was_said_before_in_the_thread(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    root = await slack.says(world.alice, general, "Login fails.")
    await slack.says(world.bob, general, f"{world.askrepo.bot} with {CANARY}?", thread=root.ts)
    await told(world, world.bob)
    await slack.says(world.alice, general, f"{world.askrepo.bot} why?", thread=root.ts)
    await house.answered(world, root)
    assert "Login fails." in chat.requests[0].questions[0]
    assert repeated(world, chat) == []


async def test_where_no_token_is_needed_it_is_warned_of_all_the_same(
    world: World, chat: FakeChat, sqlite_url: str
) -> None:
    given = house.settings(
        world.slack,
        world.askrepo,
        chat,
        sqlite_url,
        SLACK_SIGNING_SECRET=world.slack.app.signing_secret,
        ASKREPO_PUBLIC_URL="https://bot.example.org",
        ASKREPO_CHAT_URL="",
    )
    async with house.askrepo(world.slack, given):
        await world.slack.command(world.alice, world.general, f"map acme/other {CANARY}")
        await told(world, world.alice)
