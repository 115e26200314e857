"""What people say in the fake Discord, through an unmodified discord.py, to the questions that are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bots.discord.direct import NO_GUILD
from bots.discord.fields import moment
from bots.discord.native import usage
from core.conversation.values import Offer, ThreadRef
from core.settings import Settings
from core.tables import TurnRow
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import Ear, ear, listening
from tests.fakes.chat import FakeChat
from tests.fakes.discord_values import ANNOUNCEMENT, FORUM, VOICE


@pytest.fixture
def given(world: World, chat: FakeChat, sqlite_url: str) -> Settings:
    return house.settings(world.discord, chat, sqlite_url)


@pytest.fixture
async def heard(world: World, given: Settings) -> AsyncIterator[Ear]:
    async with ear(world.discord, given) as made, listening(made):
        yield made


async def threads(made: Ear) -> list[tuple[str, str]]:
    return [(str(turn.channel_id), str(turn.thread_id)) for turn in await made.turns()]


async def test_a_mention_in_a_channel_is_a_question_whose_thread_begins_with_it(world: World, heard: Ear) -> None:
    question = await world.discord.says(world.alice, world.general, f"{world.discord.bot} where is login?")
    assert await heard.heard() == [question.id]
    (turn,) = await heard.turns()
    assert (turn.workspace_id, turn.channel_id, turn.thread_id) == (world.guild.id, world.general.id, question.id)
    assert (turn.asker_id, turn.position) == (world.alice.id, int(question.id))


async def test_every_place_has_its_conversation(world: World, heard: Ear) -> None:
    discord, guild, bot = world.discord, world.guild, world.discord.bot
    news, voice = (discord.channel(guild, name, type=kind) for name, kind in (("news", ANNOUNCEMENT), ("talk", VOICE)))
    forum = discord.channel(guild, "help", type=FORUM)
    root = await discord.says(world.bob, world.general, "Login fails.")
    thread = await discord.opens_thread(world.bob, root)
    posted = await discord.opens_post(world.alice, forum, "Login", f"{bot} why does it fail?")
    in_news = await discord.says(world.alice, news, f"{bot} what is new?")
    await discord.says(world.alice, voice, f"{bot} who speaks?")
    await discord.says(world.alice, thread, f"{bot} since when?")
    await heard.heard(4)
    assert set(await threads(heard)) == {
        (forum.id, posted.id),
        (news.id, in_news.id),
        (voice.id, voice.id),
        (world.general.id, thread.id),
    }


async def test_what_is_not_for_us_is_not_stored(world: World, heard: Ear) -> None:
    discord, guild = world.discord, world.guild
    other = discord.user(guild, "otherbot", bot=True)
    await discord.says(world.alice, world.general, "who broke the build?")
    await discord.says(world.alice, world.general, "@everyone look")
    await discord.says(other, world.general, f"{discord.bot} do you hear me?")
    await discord.says(world.alice, world.general, f"{discord.bot} pinned", type=6)
    root = await discord.says(world.bob, world.general, "Login fails.")
    thread = await discord.opens_thread(world.bob, root)
    await discord.says(world.alice, thread, "does it?")
    question = await discord.says(world.alice, world.general, f"{discord.bot} why?")
    assert await heard.heard() == [question.id]


async def test_a_role_of_our_own_means_us(world: World, heard: Ear) -> None:
    (ours,) = [role for role in world.guild.roles.values() if role.bot is world.discord.bot]
    question = await world.discord.says(world.alice, world.general, f"{ours} why?")
    assert await heard.heard() == [question.id]


async def test_a_follow_up_needs_no_mention_until_others_talk_there(world: World, heard: Ear) -> None:
    discord = world.discord
    question = await discord.says(world.alice, world.general, f"{discord.bot} one?")
    await heard.heard()
    thread = await discord.opens_thread(discord.bot, question)
    second = await discord.says(world.alice, thread, "two?")
    assert await heard.heard(2) == [question.id, second.id]
    await discord.says(world.bob, thread, "I know that one")
    await discord.says(world.alice, thread, "really?")
    third = await discord.says(world.alice, thread, f"{discord.bot} three?")
    assert await heard.heard(3) == [question.id, second.id, third.id]
    assert set(await threads(heard)) == {(world.general.id, thread.id)}


async def test_a_thread_that_slept_is_found_by_its_parent(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        question = await discord.says(world.alice, world.general, "Login fails.")
        thread = await discord.opens_thread(world.alice, question)
        await discord.archives(thread)
        async with listening(made):
            await discord.says(world.alice, thread, f"{discord.bot} why?")
            await made.heard()
            assert await threads(made) == [(world.general.id, thread.id)]


async def test_an_event_that_discord_py_cannot_read_ends_nothing(world: World, heard: Ear) -> None:
    discord = world.discord
    for name in ("MESSAGE_UPDATE", "CHANNEL_CREATE", "THREAD_UPDATE", "GUILD_UPDATE", "INTERACTION_CREATE"):
        discord.gateway.dispatch(name, {"guild_id": world.guild.id, "type": 2}, world.guild)
    question = await discord.says(world.alice, world.general, f"{discord.bot} still there?")
    assert await heard.heard() == [question.id]
    assert len(discord.gateway.identifies) == 1


async def test_a_thread_that_discord_did_not_tell_of_is_asked_about_once(world: World, given: Settings) -> None:
    discord = world.discord
    thread = await discord.opens_thread(world.alice, await discord.says(world.alice, world.general, "Login fails."))
    assert thread.thread
    thread.thread.archived = True
    async with ear(discord, given) as made, listening(made):
        thread.thread.archived = False
        await discord.says(world.bob, thread, "nothing to us")
        question = await discord.says(world.alice, thread, f"{discord.bot} why?")
        await discord.says(world.bob, thread, "nothing to us")
        last = await discord.says(world.alice, world.general, f"{discord.bot} last?")
        await made.heard(2)
        assert await threads(made) == [(world.general.id, thread.id), (world.general.id, last.id)]
        await discord.deletes(question)
        await discord.says(world.alice, thread, f"{discord.bot} stop")
        await made.until_told()
        assert (await made.turns())[0].erased_at is not None
    assert len(discord.called("GET", "/channels/{channel_id}")) == 1


async def test_one_message_delivered_twice_is_one_question(world: World, heard: Ear) -> None:
    discord = world.discord
    question = await discord.says(world.alice, world.general, f"{discord.bot} once?")
    await discord.deliver_again(question)
    last = await discord.says(world.alice, world.general, f"{discord.bot} last?")
    assert await heard.heard(2) == [question.id, last.id]


async def test_a_bare_call_is_answered_with_help_once(world: World, heard: Ear) -> None:
    call = await world.discord.says(world.alice, world.general, f"{world.discord.bot}")
    await world.discord.deliver_again(call)
    assert await heard.until_told() == [usage(reads_all=True)]
    await world.discord.says(world.alice, world.general, f"{world.discord.bot} last?")
    await heard.heard()
    assert len(heard.told) == 1


async def test_words_steer_the_thread_once(world: World, heard: Ear) -> None:
    discord = world.discord
    question = await discord.says(world.alice, world.general, f"{discord.bot} one?")
    await heard.heard()
    thread = await discord.opens_thread(discord.bot, question)
    stop = await discord.says(world.alice, thread, f"{discord.bot} stop")
    await discord.deliver_again(stop)
    await discord.says(world.alice, thread, f"{discord.bot} mute")
    assert await heard.until_told() == ["I answer only when I am mentioned here. `unmute` changes that."]
    (turn,) = await heard.turns()
    assert turn.stop_requested
    await discord.says(world.alice, thread, "and now?")
    await discord.says(world.alice, world.general, f"{discord.bot} stop")
    assert (await heard.until_told(2))[-1] == "Nothing is being answered here."
    await discord.says(world.alice, world.general, f"{discord.bot} unmute", reply_to=question)
    assert (await heard.until_told(3))[-1] == "I answer replies in this thread again."
    facts = await heard.parts.threads.standing(ThreadRef(world.place, thread.id), world.alice.id)
    assert facts is not None
    assert not facts.muted
    assert await heard.accepted() == [question.id]


async def test_an_edit_changes_the_question_and_an_answered_one_is_offered_again(world: World, heard: Ear) -> None:
    discord = world.discord
    question = await discord.says(world.alice, world.general, f"{discord.bot} wher is login?")
    await heard.heard()
    await discord.edits(question, f"{discord.bot} where is login?")
    await discord.unfurls(question)
    await discord.pins(question)
    await discord.says(world.alice, world.general, f"{discord.bot} another?")
    await heard.heard(2)
    turn = (await heard.turns())[0]
    assert turn.revision == 1
    ended = update(TurnRow).where(TurnRow.turn_id == turn.turn_id).values(status="answered")
    await heard.parts.database.write(lambda connection: connection.execute(ended))
    await discord.edits(question, f"{discord.bot} where is logout?")
    await heard.until_told()
    about, turn_id, notice = heard.told[-1]
    assert (about.message_id, turn_id, notice.offer) == (question.id, turn.turn_id, Offer.AGAIN)


async def test_a_mention_that_is_added_asks_and_an_old_post_does_not(world: World, heard: Ear) -> None:
    discord = world.discord
    old = await discord.says(world.alice, world.general, "long ago?")
    discord.advance(3 * 3_600)
    post = await discord.says(world.alice, world.general, "where is login?")
    await discord.edits(old, f"{discord.bot} long ago?")
    thread = await discord.opens_thread(world.bob, old)
    await discord.edits(await discord.says(world.bob, thread, "nothing to us"), "still nothing to us")
    discord.advance(30 * 60)
    await discord.edits(post, f"{discord.bot} where is login?")
    assert await heard.heard() == [post.id]
    (turn,) = await heard.turns()
    assert turn.asked_at - moment(post.id) >= timedelta(minutes=30), "it was asked by the edit"


async def test_a_deleted_question_is_forgotten(world: World, heard: Ear) -> None:
    discord = world.discord
    one = await discord.says(world.alice, world.general, f"{discord.bot} one?")
    other = await discord.says(world.bob, world.general, "something else")
    two = await discord.says(world.alice, world.general, f"{discord.bot} two?")
    await heard.heard(2)
    await discord.deletes(one)
    await discord.deletes(other, two)
    last = await discord.says(world.alice, world.general, f"{discord.bot} last?")
    await heard.heard(3)
    erased = {str(turn.message_id): turn.erased_at is not None for turn in await heard.turns()}
    assert erased == {one.id: True, two.id: True, last.id: False}


async def test_what_was_read_of_a_post_that_is_deleted_is_forgotten(world: World, heard: Ear) -> None:
    discord, bot = world.discord, world.discord.bot
    root = await discord.says(world.bob, world.general, "Login fails.")
    thread = await discord.opens_thread(world.bob, root)
    reply = await discord.says(world.bob, thread, "Since noon.")
    asked = []
    for gone in ((root,), (reply, await discord.says(world.bob, thread, "Or one."))):
        asked.append(await discord.says(world.alice, thread, f"{bot} why?"))
        await heard.heard(len(asked))
        read = update(TurnRow).values(context=b"what was read")
        await heard.parts.database.write(lambda connection: connection.execute(read))  # noqa: B023 - at once
        await discord.deletes(*gone)
        asked.append(await discord.says(world.alice, thread, f"{bot} and now?"))
        await heard.heard(len(asked))
        assert [turn.context for turn in await heard.turns()] == [None] * len(asked)


async def test_in_a_direct_message_an_edit_asks_what_was_no_question(world: World, heard: Ear) -> None:
    discord = world.discord
    await heard.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    direct = discord.dm(world.alice)
    picture = await discord.says(world.alice, direct, files=[discord.file("screen.png", b"\x89PNG\0")])
    await heard.until_told()
    assert await heard.turns() == []
    await discord.edits(picture, "why does this fail?")
    assert await heard.heard() == [picture.id]


async def test_a_direct_message_is_for_the_one_guild_with_a_default(world: World, heard: Ear) -> None:
    discord = world.discord
    direct = discord.dm(world.alice)
    await discord.says(world.alice, direct, "does it?")
    assert await heard.until_told() == [NO_GUILD]
    await heard.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    bobs = discord.dm(world.bob)
    question = await discord.says(world.bob, bobs, "does it?")
    await heard.heard()
    (turn,) = await heard.turns()
    assert (turn.workspace_id, turn.channel_id, turn.thread_id) == (world.guild.id, bobs.id, bobs.id)
    await discord.deletes(question)
    second = await discord.says(world.bob, bobs, "stop it, please?")
    await heard.heard(2)
    assert [turn.erased_at is None for turn in await heard.turns()] == [False, True]
    assert second.id == (await heard.accepted())[-1]


async def test_without_the_content_intent_mentions_and_replies_are_heard(world: World, given: Settings) -> None:
    discord = world.discord
    discord.message_content = False
    async with ear(discord, given) as made, listening(made):
        question = await discord.says(world.alice, world.general, f"{discord.bot} one?")
        await made.heard()
        thread = await discord.opens_thread(discord.bot, question)
        await discord.says(world.alice, thread, "two?")
        third = await discord.says(world.alice, thread, f"{discord.bot} three?")
        assert await made.heard(2) == [question.id, third.id]
        await discord.says(world.alice, world.general, f"{discord.bot}")
        assert await made.until_told() == [usage(reads_all=False)]


async def test_an_interaction_is_handed_on_at_once(world: World, given: Settings) -> None:
    async with ear(world.discord, given) as made:
        made.hearing.interaction({"id": "1"})
        assert made.interactions == [{"id": "1"}]


async def test_while_the_database_takes_nothing_what_is_heard_waits_in_order(
    world: World, heard: Ear, tmp_path: Path
) -> None:
    discord = world.discord
    await discord.says(world.alice, world.general, f"{discord.bot} before?")
    await heard.heard()
    with closing(sqlite3.connect(tmp_path / "askrepo.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = [await discord.says(world.alice, world.general, f"{discord.bot} {number}?") for number in range(3)]
        await discord.edits(asked[0], f"{discord.bot} zero?")
        assert await heard.parts.threads.newest(world.place) is not None
        other.execute("ROLLBACK")
    assert (await heard.heard(4))[1:] == [each.id for each in asked]
    assert [turn.revision for turn in await heard.turns()] == [0, 1, 0, 0]
