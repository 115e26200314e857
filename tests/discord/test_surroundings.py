"""What stands around a question: the thread it was asked in, the message it is about, the texts that came with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bots.attached import File
from bots.discord.bot import Ourselves
from bots.discord.people import People
from bots.discord.permissions import READ_MESSAGE_HISTORY
from bots.discord.posting import Posting
from bots.discord.reference import Invocation, Reference, decode
from bots.discord.rest import Rest
from bots.discord.surroundings import Around
from bots.discord.words import words
from core import bootstrap, wording
from core.conversation.values import UNSAID, Question
from tests.discord.answering import question, rest, settings
from tests.discord.house import World
from tests.fakes.chat import FakeChat
from tests.fakes.discord_values import FORUM, MEDIA, Channel

MESSAGES = ("GET", "/channels/{channel_id}/messages")
MESSAGE = ("GET", "/channels/{channel_id}/messages/{message_id}")


@pytest.fixture
async def opened(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Rest]:
    async with bootstrap.opened(settings(chat, sqlite_url)) as parts, rest(world.discord, parts.allowances) as each:
        yield each


@pytest.fixture
def around(opened: Rest) -> Around:
    return Around(opened, Posting(opened), People(opened, Ourselves(opened)))


async def asked(world: World, thread: Channel) -> Question:
    return question(world, await world.discord.says(world.alice, thread, f"{world.discord.bot} why?"))


async def read(around: Around, question: Question, *, first: bool = True) -> tuple[str, tuple[str, ...]]:
    return await around.context(question, decode(question.reference), first=first)


async def test_a_thread_that_others_began(world: World, around: Around) -> None:
    root = await world.discord.says(world.bob, world.general, "It does **not** work.")
    thread = await world.discord.opens_thread(world.bob, root, "Trouble")
    await world.discord.says(world.alice, thread, f"Since when, {world.bob}?\nYesterday?")
    late = await asked(world, thread)
    await world.discord.says(world.bob, thread, "After the question.")
    context, remarks = await read(around, late)
    assert context == (
        "Earlier in this thread:\n\nBob:\n> It does **not** work.\n\nAlice:\n> Since when, @Bob?\n> Yesterday?"
    )
    assert remarks == ()


async def test_a_thread_is_read_for_its_first_question_alone(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "Hello.")
    assert await read(around, await asked(world, thread), first=False) == ("", ())
    assert world.discord.called(*MESSAGES) == []


@pytest.mark.parametrize("kind", [FORUM, MEDIA])
async def test_a_post_of_a_forum(world: World, around: Around, kind: int) -> None:
    forum = world.discord.channel(world.guild, "help", type=kind)
    thread = await world.discord.opens_post(world.bob, forum, "Why does CI fail?", "It does not work.")
    late = await asked(world, thread)
    titled = "The title of this thread:\n\n> Why does CI fail?"
    assert await read(around, late) == (f"{titled}\n\nEarlier in this thread:\n\nBob:\n> It does not work.", ())
    assert await read(around, late, first=False) == ("", ())


@pytest.mark.parametrize("kind", [FORUM, MEDIA])
async def test_a_post_of_a_forum_that_begins_with_the_question(world: World, around: Around, kind: int) -> None:
    forum = world.discord.channel(world.guild, "help", type=kind)
    thread = await world.discord.opens_post(world.alice, forum, "Why does CI fail?", f"{world.discord.bot} any idea?")
    (first,) = thread.messages.values()
    assert await read(around, question(world, first)) == ("The title of this thread:\n\n> Why does CI fail?", ())
    menu = Reference(in_thread=True, command=Invocation("1", about_text="It fails."))
    context, _ = await read(around, replace(question(world, first, menu), message_id=f"{UNSAID}{first.id}"))
    assert context.startswith("The title of this thread:\n\n> Why does CI fail?\n\nIt is about this message:")


async def test_a_post_of_a_forum_whose_title_cannot_be_read(world: World, around: Around) -> None:
    forum = world.discord.channel(world.guild, "help", type=FORUM)
    thread = await world.discord.opens_post(world.bob, forum, "Why does CI fail?", "It does not work.")
    late = await asked(world, thread)
    world.discord.fail("GET", "/channels/{channel_id}", code=50001, times=9)
    assert await read(around, late) == ("Earlier in this thread:\n\nBob:\n> It does not work.", ())


async def test_a_thread_whose_first_message_is_gone(world: World, around: Around) -> None:
    root = await world.discord.says(world.bob, world.general, "It does not work.")
    thread = await world.discord.opens_thread(world.bob, root)
    await world.discord.says(world.bob, thread, "At all.")
    await world.discord.deletes(root)
    assert await read(around, await asked(world, thread)) == ("Earlier in this thread:\n\nBob:\n> At all.", ())


async def test_of_a_long_thread_the_newest_posts(world: World, around: Around) -> None:
    root = await world.discord.says(world.bob, world.general, "The very first.")
    thread = await world.discord.opens_thread(world.bob, root)
    for number in range(30):
        await world.discord.says(world.bob, thread, f"Post {number}. " + "x" * 990)
    context, remarks = await read(around, await asked(world, thread))
    assert remarks == (wording.thread_cut(),)
    assert len(context) < 12_100
    assert "Post 29." in context
    assert "Post 18." not in context
    assert "very first" not in context
    assert context.index("Post 28.") < context.index("Post 29.")


async def test_of_a_thread_of_many_posts_so_many_are_read(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    for number in range(600):
        await world.discord.says(world.bob, thread, f"{number}")
    context, remarks = await read(around, await asked(world, thread))
    assert len(world.discord.called(*MESSAGES)) == 5
    assert (context.count("> "), remarks) == (500, (wording.thread_cut(),))


async def test_a_thread_that_cannot_be_read(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    late = await asked(world, thread)
    world.discord.fail(*MESSAGES, code=50001)
    assert await read(around, late) == ("", (wording.thread_cut(),))


async def test_a_thread_of_which_we_may_read_nothing(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    alone = await asked(world, thread)
    assert await read(around, alone) == ("", ())
    await world.discord.says(world.bob, thread, "It fails.")
    late = await asked(world, thread)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY")
    assert await read(around, late) == ("", (wording.thread_cut(),))


@pytest.mark.parametrize("denied", ["by the channel", "by the roles"])
async def test_what_the_asker_may_not_read_is_not_read_for_them(world: World, around: Around, denied: str) -> None:
    root = await world.discord.says(world.bob, world.general, "It fails.")
    thread = await world.discord.opens_thread(world.bob, root)
    await world.discord.says(world.bob, thread, "The key is 1234.")
    late = await asked(world, thread)
    (role,) = world.guild.members[world.alice.id].roles
    if denied == "by the channel":
        await world.discord.denies(world.general, "READ_MESSAGE_HISTORY", who=role)
    else:
        world.guild.everyone.permissions &= ~READ_MESSAGE_HISTORY
    assert await read(around, late) == ("", (wording.thread_cut(),))
    assert world.discord.called(*MESSAGES) == world.discord.called(*MESSAGE) == []


async def test_what_others_may_not_read_is_read_for_those_who_may(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "It fails.")
    late = await asked(world, thread)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY", who=world.bob)
    assert await read(around, late) == ("Earlier in this thread:\n\nBob:\n> It fails.", ())


async def test_the_owner_may_read_whatever_the_roles_say(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "It fails.")
    late = await asked(world, thread)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY", who=world.alice)
    world.guild.owner = world.alice
    assert await read(around, late) == ("Earlier in this thread:\n\nBob:\n> It fails.", ())


@pytest.mark.parametrize("silent", ["/guilds/{guild_id}/members/{user_id}", "/guilds/{guild_id}"])
async def test_where_nobody_says_what_the_asker_may_read_the_thread_is_read(
    world: World, around: Around, silent: str
) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "It fails.")
    late = await asked(world, thread)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY", who=world.alice)
    world.discord.fail("GET", silent, code=50001)
    assert await read(around, late) == ("Earlier in this thread:\n\nBob:\n> It fails.", ())


@pytest.mark.parametrize("odd", [{}, [], "0", None])
async def test_a_message_of_an_odd_type_is_nobodys_word(world: World, around: Around, odd: Any) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "It fails.")
    (await world.discord.says(world.bob, thread, "Who says so?")).type = odd
    assert await read(around, await asked(world, thread)) == ("Earlier in this thread:\n\nBob:\n> It fails.", ())


async def test_who_may_read_a_thread_is_not_asked_of_each_member(world: World, around: Around) -> None:
    """Discord lets few members be asked for at a time."""
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.bob, thread, "It fails.")
    assert (await read(around, await asked(world, thread)))[0]
    assert world.discord.called("GET", "/guilds/{guild_id}/members/{user_id}") == []


async def test_names_are_those_of_the_server(world: World, around: Around) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    await world.discord.says(world.discord.user(world.guild, "robot", bot=True), thread, "Deployed.")
    await world.discord.webhook_says(thread, "Built.", "CI")
    context, _ = await read(around, await asked(world, thread))
    assert "robot:\n> Deployed." in context
    assert "CI:\n> Built." in context


_EMBED = {"title": "Build 17", "description": "failed", "fields": [{"name": "Stage", "value": "lint"}]}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": "typed"}, "typed"),
        ({"content": "typed", "embeds": [{"title": "the preview of a link"}]}, "typed"),
        ({"content": "", "embeds": [_EMBED]}, "Build 17\nfailed\nStage\nlint"),
        ({"embeds": [{"title": "one"}, {"image": {"url": "x"}}, {"description": "two"}]}, "one\ntwo"),
        ({"content": "", "message_snapshots": [{"message": {"content": "It fails."}}]}, "It fails."),
        ({"message_snapshots": [{"message": {"content": "", "embeds": [_EMBED]}}]}, "Build 17\nfailed\nStage\nlint"),
        ({"content": 7, "embeds": "x", "message_snapshots": [7, {"message": []}]}, ""),
        ({"embeds": [{"title": ["x"], "fields": "y"}, 7]}, ""),
        ({"content": "x" * 20_000}, "x" * 10_000),
        ({}, ""),
    ],
)
def test_what_a_message_says(message: dict[str, Any], said: str) -> None:
    assert words(message) == said


async def test_a_thread_about_an_alert(world: World, around: Around) -> None:
    root = await world.discord.webhook_says(world.general, "")
    root.embeds = [_EMBED]
    thread = await world.discord.opens_thread(world.bob, root, "Trouble")
    context, _ = await read(around, await asked(world, thread))
    assert "Deployments:\n> Build 17\n> failed\n> Stage\n> lint" in context


async def test_what_a_question_is_about(world: World, around: Around) -> None:
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    about = "It is about this message:\n\n> It fails.\n> Always."
    replied = Reference(about_text="It fails.\nAlways.")
    assert await read(around, question(world, root, replied)) == (about, ())
    from_menu = Reference(in_thread=True, command=Invocation("1", about_text="It fails.\nAlways."))
    unsaid = replace(question(world, root, from_menu), message_id=f"{UNSAID}{root.id}")
    assert await read(around, unsaid) == (about, ())
    assert world.discord.called(*MESSAGES) == []


async def test_texts_that_came_along(world: World, around: Around) -> None:
    files = [
        world.discord.file("log.txt", "```\nit failed\n```"),
        world.discord.file("picture.txt", b"\x89PNG\0"),
        world.discord.file("long.txt", "x" * 200_001),
    ]
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?", files=files)
    context, remarks = await read(around, question(world, root))
    assert context == "Attached file `log.txt`:\n\n````\n```\nit failed\n```\n````"
    assert remarks == (wording.files_skipped(["picture.txt", "long.txt"]),)


async def test_a_file_from_elsewhere_or_gone(world: World, around: Around) -> None:
    gone = File("1", "gone.txt", "text/plain", 5, f"{world.discord.base}/attachments/1/2/gone.txt")
    elsewhere = File("2", "else.txt", "text/plain", 5, "https://evil.example/attachments/1/2/else.txt")
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    context, remarks = await read(around, question(world, root, Reference(files=(gone, elsewhere), left_out=1)))
    assert (context, remarks) == ("", (wording.files_skipped(["", "gone.txt", "else.txt"]),))
