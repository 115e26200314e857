"""What was asked while nobody listened is found, once, within bounds; what cannot be found is declared."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bots.discord.candidates import Candidate, closed, due
from bots.discord.catching import MOST_CALLS, MOST_DIRECT
from bots.discord.fields import moment
from bots.discord.posts import Spot
from core import bootstrap
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef, WorkspaceRef
from core.settings import Settings
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import Ear, ear, listening
from tests.discord.outcomes import Seen, outcome
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.discord_threads import open_from
from tests.fakes.discord_values import FORUM, VOICE, Channel, Message
from tests.turns import ended

READ = ("GET", "/channels/{channel_id}/messages")
LIST = ("GET", "/channels/{channel_id}/threads/archived/public")
SAID = lines(6)


class Log:
    """What was logged."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capsys.readouterr().out
        return self._text


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


@pytest.fixture
def given(world: World, chat: FakeChat, sqlite_url: str) -> Settings:
    return house.settings(world.discord, chat, sqlite_url)


async def gap(world: World) -> None:
    """The session is lost, and no other can be had."""
    world.discord.gateway.mute = True
    world.discord.gateway.lose_session()


async def over(world: World) -> None:
    """A session can be had again."""
    world.discord.gateway.mute = False
    world.discord.gateway.drop()


async def mapped(world: World, made: Ear) -> None:
    await made.parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)


async def test_what_was_asked_in_a_gap_is_found_once(world: World, given: Settings) -> None:
    discord, bot = world.discord, world.discord.bot
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            before = await discord.says(world.alice, world.general, f"{bot} before?")
            await made.heard()
            thread = await discord.opens_thread(bot, before)
            ours = await discord.says(bot, thread, "an answer")
            await gap(world)
            await discord.says(world.bob, world.general, "nothing to us")
            missed = await discord.says(world.bob, world.general, f"{bot} meanwhile?")
            reply = await discord.says(world.bob, thread, "and here?", reply_to=ours)
            await discord.says(world.alice, thread, "without a mention")
            await discord.says(world.alice, thread, f"{bot} stop")
            await discord.says(world.alice, thread, f"{bot}")
            await over(world)
            assert await made.heard(3) == [before.id, missed.id, reply.id]
            reads = len(discord.called(*READ))
            discord.gateway.invalidate()
            await made.until(lambda: len(discord.called(*READ)) == 2 * reads)
            assert await made.accepted() == [before.id, missed.id, reply.id]
        assert not made.told
        (turn,) = [each for each in await made.turns() if each.message_id == reply.id]
        assert (turn.channel_id, turn.thread_id) == (world.general.id, thread.id)


async def direct(world: World, made: Ear) -> None:
    """Direct messages are answered, and everything is looked through."""
    await made.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="x")


async def talking(world: World, made: Ear, *, alone: bool = False) -> tuple[Message, Channel]:
    """Alice's question, which was heard, and the thread in which it is answered, or with us alone."""
    discord = world.discord
    if alone:
        asked = await discord.says(world.alice, discord.dm(world.alice), "before?")
    else:
        asked = await discord.says(world.alice, world.general, f"{discord.bot} before?")
    await made.heard()
    return asked, asked.channel if alone else await discord.opens_thread(discord.bot, asked)


@pytest.mark.parametrize("alone", [False, True])
async def test_a_follow_up_in_a_gap_is_found_though_the_talk_has_gone_on(
    world: World, given: Settings, *, alone: bool
) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await direct(world, made)
        async with listening(made):
            before, place = await talking(world, made, alone=alone)
            await gap(world)
            discord.advance(1)
            missed = await discord.says(world.alice, place, "and without a mention?")
            discord.advance(1)
            await made.until(lambda: not made.gateway.ready.is_set())
            await over(world)
            await made.gateway.ready.wait()  # and two seconds later it is looked
            later = await discord.says(world.alice, place, "are you there?")
            assert await made.heard(3) == [before.id, missed.id, later.id]


async def test_a_follow_up_is_found_after_a_restart_where_it_would_have_been_answered(
    world: World, given: Settings
) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            before, thread = await talking(world, made)
            foreign = await discord.opens_thread(world.alice, world.general)
    missed = await discord.says(world.alice, thread, "and without a mention?")
    await discord.says(world.alice, foreign, "nothing to us")
    await discord.says(world.bob, thread, "I think so")
    await discord.says(world.alice, thread, "really, Bob?")
    async with ear(discord, given) as made, listening(made):
        assert await made.heard(2) == [before.id, missed.id]
        last = await discord.says(world.alice, thread, f"{discord.bot} last?")
        assert await made.heard(3) == [before.id, missed.id, last.id]


async def test_what_was_said_a_page_ago_still_counts(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            before, thread = await talking(world, made)
    await discord.says(world.alice, thread, f"{discord.bot} mute")
    for number in range(105):
        await discord.says(world.alice, thread, f"talk {number}")
    last = await discord.says(world.alice, thread, f"{discord.bot} last?")
    async with ear(discord, given) as made, listening(made):
        assert await made.heard(2) == [before.id, last.id]


async def test_what_was_heard_and_was_none_does_not_become_a_question(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            before, thread = await talking(world, made)
            await discord.says(world.bob, thread, "I know that one")
            await discord.says(world.alice, thread, "do you, Bob?")
            await discord.says(world.alice, thread, f"{discord.bot} unmute")
            await made.until_told()
            await gap(world)
            missed = await discord.says(world.alice, thread, "and this?")
            await over(world)
            assert await made.heard(2) == [before.id, missed.id]


async def test_what_was_asked_in_threads_that_were_closed_in_a_gap_is_found(world: World, given: Settings) -> None:
    """No session tells of them; what is asked in one opens it again."""
    discord, bot = world.discord, world.discord.bot
    forum = discord.channel(world.guild, "help", type=FORUM)
    async with ear(discord, given) as made:
        await mapped(world, made)
        await made.parts.mappings.map(ChannelRef("discord", world.guild.id, forum.id), house.REPOSITORY, actor="x")
        async with listening(made):
            before, thread = await talking(world, made)
            foreign = await discord.opens_thread(world.alice, world.general)
            await gap(world)
            follow_up = await discord.says(world.alice, thread, "and without a mention?")
            await discord.says(world.bob, foreign, "nothing to us")
            missed = await discord.says(world.bob, foreign, f"{bot} why?")
            post = await discord.opens_post(world.bob, forum, "a post", f"{bot} and here?")
            for each in (thread, foreign, post):
                await discord.archives(each)
            await over(world)
            assert await made.heard(4) == [before.id, follow_up.id, missed.id, post.id]
        assert not made.told
        turns = {each.message_id: (each.channel_id, each.thread_id) for each in await made.turns()}
    assert turns[follow_up.id] == (world.general.id, thread.id)
    assert turns[missed.id] == (world.general.id, foreign.id)
    assert turns[post.id] == (forum.id, post.id)


@pytest.mark.parametrize("locked", [False, True])
async def test_what_was_asked_in_a_closed_thread_is_answered_there_unless_it_is_locked(
    world: World, given: Settings, chat: FakeChat, *, locked: bool
) -> None:
    discord = world.discord
    chat.will(says(SAID))
    async with bootstrap.opened(given) as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
    thread = await discord.opens_thread(world.alice, world.general)
    missed = await discord.says(world.alice, thread, f"{discord.bot} why?")
    await (discord.locks(thread) if locked else discord.archives(thread))
    async with house.askrepo(discord, given) as app:
        await discord.until(lambda: discord.called(*LIST))
        assert await ended(app) == ["failed" if locked else "answered"]
    assert thread.archived == locked
    assert outcome(world, missed, SAID, reachable=not locked) is (Seen.NOTICE if locked else Seen.WHOLE)


async def test_threads_in_which_nothing_was_posted_lately_are_not_read(world: World, given: Settings) -> None:
    discord = world.discord
    quiet, other = [await discord.opens_thread(world.alice, world.general) for _ in range(2)]
    await discord.says(world.alice, quiet, f"{discord.bot} long ago?")
    discord.advance(3_601)
    await discord.archives(quiet)
    missed = await discord.says(world.alice, other, f"{discord.bot} just now?")
    await discord.archives(other)
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            assert await made.heard() == [missed.id]
    assert [call.ids["channel_id"] for call in discord.called(*READ)] == [other.id]
    assert [call.ids["channel_id"] for call in discord.called(*LIST)] == [world.general.id]


async def test_closed_threads_cost_what_is_left_of_a_hundred_calls_and_others_are_declared(
    world: World, given: Settings, log: Log
) -> None:
    """Where something was posted last is looked first; what cannot be listed or may not be read costs no other."""
    discord = world.discord
    never = discord.channel(world.guild, "never")
    for number in range(MOST_CALLS):
        await discord.says(world.bob, discord.channel(world.guild, f"old {number}"), "talk")
    secret, odd = discord.channel(world.guild, "secret"), discord.channel(world.guild, "odd")
    for each in (secret, odd):
        await discord.says(world.bob, each, "talk")
    discord.advance(3_601)
    discord.fail(*LIST, status=403, code=50013, times=-1, at=odd.id)
    await discord.denies(secret, "READ_MESSAGE_HISTORY")
    thread = await discord.opens_thread(world.alice, world.general)  # which is said in the channel
    missed = await discord.says(world.alice, thread, f"{discord.bot} here?")
    await discord.archives(thread)
    async with ear(discord, given) as made:
        await direct(world, made)
        async with listening(made):
            assert await made.heard() == [missed.id]
            await made.until(lambda: "too many threads were closed" in log.text, seconds=60)
    listed = [call.ids["channel_id"] for call in discord.called(*LIST)]
    assert listed[:2] == [world.general.id, odd.id]
    assert not {secret.id, never.id} & set(listed)
    assert len(discord.called(*READ)) + len(listed) == MOST_CALLS
    assert {never.id, odd.id} <= set(re.findall(r"[0-9]{15,}", log.text))


async def test_more_closed_threads_of_a_channel_than_discord_lists_are_declared(
    world: World, given: Settings, log: Log
) -> None:
    discord = world.discord
    for _ in range(101):
        thread = open_from(discord, await discord.says(world.bob, world.general, "talk"), world.bob, "talk")
        await discord.archives(thread)
    discord.advance(3_000)
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            await made.until(lambda: "too many threads were closed" in log.text, seconds=60)
    assert world.general.id in log.text


async def test_a_direct_message_in_a_gap_is_found(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await direct(world, made)
        async with listening(made):
            before, mine = await talking(world, made, alone=True)
    discord.advance(4 * 3_600)
    await discord.says(world.alice, mine, "too long ago?")
    discord.advance(3_601)
    missed = await discord.says(world.alice, mine, "meanwhile?")
    async with ear(discord, given) as made, listening(made):
        assert await made.heard(2) == [before.id, missed.id]
        (turn,) = [each for each in await made.turns() if each.message_id == missed.id]
        assert (turn.workspace_id, turn.channel_id, turn.thread_id) == (world.guild.id, mine.id, mine.id)
        assert not made.told


async def test_a_direct_message_is_not_for_a_server_by_what_was_so_before(
    world: World, given: Settings, log: Log
) -> None:
    discord = world.discord
    other = discord.guild("other")
    discord.join(other, world.alice)
    async with ear(discord, given) as made:
        await direct(world, made)
        async with listening(made):
            before, mine = await talking(world, made, alone=True)
    async with ear(discord, given) as made:
        await made.parts.mappings.set_default(WorkspaceRef("discord", other.id), "acme/web", actor="x")
        await discord.says(world.alice, mine, "for whom?")
        async with listening(made):
            await made.until(lambda: "for no one server" in log.text)
            assert await made.accepted() == [before.id]
            assert not made.told
    assert mine.id in log.text


async def test_where_very_many_write_directly_the_last_of_them_are_looked_for(
    world: World, given: Settings, log: Log
) -> None:
    """Places that are gone since are none."""
    discord = world.discord
    async with ear(discord, given) as made:
        await direct(world, made)
        for _ in range(MOST_DIRECT):
            place = discord.snowflake()
            thread = ThreadRef(ChannelRef("discord", world.guild.id, place), place)
            order = int(discord.snowflake())
            await made.parts.intake.accept(Question(thread, str(order), order, Asker("1"), "?", moment(str(order))))
        async with listening(made):
            last, mine = await talking(world, made, alone=True)
        missed = await discord.says(world.alice, mine, "and now?")
    async with ear(discord, given) as made, listening(made):
        assert (await made.heard(MOST_DIRECT + 2))[-2:] == [last.id, missed.id]
    assert "too many people" in log.text
    assert [call.ids["channel_id"] for call in discord.called(*READ)] == [mine.id]


async def test_what_is_written_beside_a_voice_channel_is_no_direct_message(world: World, given: Settings) -> None:
    discord = world.discord
    voice = discord.channel(world.guild, "talk", type=VOICE)
    async with ear(discord, given) as made:
        await direct(world, made)
        async with listening(made):
            before = await discord.says(world.alice, voice, f"{discord.bot} before?")
            await made.heard()
    await discord.says(world.bob, voice, "hello")
    missed = await discord.says(world.alice, voice, f"{discord.bot} meanwhile?")
    async with ear(discord, given) as made, listening(made):
        assert await made.heard(2) == [before.id, missed.id]
    assert [call.ids["channel_id"] for call in discord.called(*READ)] == [voice.id]


async def test_what_was_asked_in_a_guild_that_arrives_late_is_found(world: World, given: Settings) -> None:
    """discord.py waits two seconds for the guilds of a session; what is there by then is looked through once."""
    discord, late = world.discord, world.discord.guild("late")
    halls = discord.channel(late, "halls")
    async with ear(discord, given) as made:
        await mapped(world, made)
        await made.parts.mappings.map(ChannelRef("discord", late.id, halls.id), house.REPOSITORY, actor="x")
        missed = await discord.says(world.alice, world.general, f"{discord.bot} here?")
        missed_late = await discord.says(discord.user(late), halls, f"{discord.bot} and here?")
        late.available = False
        async with listening(made):
            assert await made.heard() == [missed.id]
            await discord.comes_back(late)
            assert await made.heard(2) == [missed.id, missed_late.id]
            await discord.goes_out(late)
            meanwhile = await discord.says(discord.user(late), halls, f"{discord.bot} while it was out?")
            await discord.comes_back(late)
            assert await made.heard(3) == [missed.id, missed_late.id, meanwhile.id]
    assert [call.ids["channel_id"] for call in discord.called(*READ)] == [world.general.id, halls.id, halls.id]


async def test_closed_threads_of_one_guild_hold_up_no_question_in_another(world: World, given: Settings) -> None:
    discord, other = world.discord, world.discord.guild("other")
    halls, listed = discord.channel(other, "halls"), asyncio.Event()
    async with ear(discord, given) as made:
        for channel in (world.general, halls):
            assert channel.guild is not None
            place = ChannelRef("discord", channel.guild.id, channel.id)
            await made.parts.mappings.map(place, house.REPOSITORY, actor="x")
        missed = [
            await discord.says(user, channel, f"{discord.bot} why?")
            for user, channel in ((world.alice, world.general), (discord.user(other), halls))
        ]
        discord.fail(*LIST, times=-1, hold=listed)
        async with listening(made):
            assert set(await made.heard(2)) == {each.id for each in missed}
            listed.set()
            await made.until(lambda: len(discord.called(*LIST)) == 2)


async def test_a_shard_that_begins_anew_keeps_no_other_from_being_looked_through(world: World, given: Settings) -> None:
    discord, shard = world.discord, (int(world.guild.id) >> 22) % 2
    discord.gateway.shards = 2
    missed = await discord.says(world.alice, world.general, f"{discord.bot} before you came?")
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):  # both are READY, and wait for their guilds
            discord.gateway.invalidate(shard=1 - shard)
            await discord.until(lambda: len(discord.gateway.identifies) == 3)
            assert await made.heard() == [missed.id]
            await discord.goes_out(world.guild)
            meanwhile = await discord.says(world.bob, world.general, f"{discord.bot} while it was out?")
            await discord.comes_back(world.guild)
            assert await made.heard(2) == [missed.id, meanwhile.id]


async def test_a_mapping_of_no_guild_keeps_nobody_from_looking(world: World, given: Settings) -> None:
    """An operator may have mistyped it."""
    async with ear(world.discord, given) as made:
        await mapped(world, made)
        await made.parts.mappings.map(ChannelRef("discord", "acme", "general"), "acme/web", actor="operator")
        async with listening(made):
            for number in (1, 2):
                await gap(world)
                await world.discord.says(world.alice, world.general, f"{world.discord.bot} meanwhile?")
                await over(world)
                await made.heard(number)


async def test_what_was_asked_before_the_start_is_found(world: World, given: Settings) -> None:
    discord = world.discord
    long_ago = await discord.says(world.alice, world.general, f"{discord.bot} long ago?")
    discord.advance(3_601)
    missed = await discord.says(world.alice, world.general, f"{discord.bot} just now?")
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            assert await made.heard() == [missed.id]
            assert long_ago.id not in await made.accepted()


async def test_places_without_a_repository_and_quiet_ones_are_not_read(world: World, given: Settings) -> None:
    discord = world.discord
    quiet, other = discord.channel(world.guild, "quiet"), discord.channel(world.guild, "other")
    await discord.says(world.alice, quiet, f"{discord.bot} long ago?")
    discord.advance(3_601)
    await discord.says(world.alice, other, f"{discord.bot} not mapped?")
    missed = await discord.says(world.alice, world.general, f"{discord.bot} mapped?")
    async with ear(discord, given) as made:
        await mapped(world, made)
        await made.parts.mappings.map(ChannelRef("discord", world.guild.id, quiet.id), "acme/web", actor="x")
        async with listening(made):
            assert await made.heard() == [missed.id]
    assert [call.ids["channel_id"] for call in discord.called(*READ)] == [world.general.id]


async def test_with_a_default_every_channel_is_looked_through(world: World, given: Settings) -> None:
    discord = world.discord
    missed = await discord.says(world.alice, world.general, f"{discord.bot} mapped?")
    async with ear(discord, given) as made:
        await made.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="x")
        async with listening(made):
            assert await made.heard() == [missed.id]


async def test_a_busy_channel_is_read_page_by_page(world: World, given: Settings) -> None:
    discord = world.discord
    for number in range(250):
        await discord.says(world.bob, world.general, f"talk {number}")
    missed = await discord.says(world.alice, world.general, f"{discord.bot} among them?")
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            assert await made.heard() == [missed.id]
    assert len(discord.called(*READ)) == 3


async def test_a_question_that_is_deleted_once_it_was_read_is_not_asked(world: World, given: Settings) -> None:
    discord, bot = world.discord, world.discord.bot
    gone = await discord.says(world.alice, world.general, f"{bot} my secret?")
    for number in range(100):
        await discord.says(world.bob, world.general, f"talk {number}")
    missed = await discord.says(world.alice, world.general, f"{bot} and this?")
    more = discord.fail(*READ, after=1, hold=(go_on := asyncio.Event()), at=world.general.id)
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            await made.until(lambda: more.struck)
            await discord.deletes(gone)
            heard = await discord.says(world.alice, world.general, f"{bot} now?")
            assert await made.heard() == [heard.id]  # and of the deletion, before it
            go_on.set()
            assert await made.heard(2) == [missed.id, heard.id]


async def test_a_channel_that_cannot_be_read_is_declared(world: World, given: Settings, log: Log) -> None:
    discord = world.discord
    secret = discord.channel(world.guild, "secret")
    await discord.says(world.alice, secret, f"{discord.bot} here?")
    missed = await discord.says(world.alice, world.general, f"{discord.bot} or here?")
    discord.fail(*READ, status=503, times=-1, at=secret.id)
    async with ear(discord, given) as made:
        await made.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="x")
        async with listening(made):
            assert await made.heard() == [missed.id]
            await made.until(lambda: "may have been missed" in log.text)
    assert secret.id in log.text


@pytest.mark.parametrize("permission", ["READ_MESSAGE_HISTORY", "VIEW_CHANNEL"])
async def test_where_we_may_not_read_discord_is_not_asked(
    world: World, given: Settings, log: Log, permission: str
) -> None:
    discord = world.discord
    secret = discord.channel(world.guild, "secret")
    thread = open_from(discord, await discord.says(world.alice, secret, "a question of people"), world.alice, "talk")
    await discord.says(world.alice, thread, f"{discord.bot} here?")
    missed = await discord.says(world.alice, world.general, f"{discord.bot} or here?")
    await discord.denies(secret, permission)
    async with ear(discord, given) as made:
        await made.parts.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="x")
        async with listening(made):
            assert await made.heard() == [missed.id]
            await made.until(lambda: secret.id in log.text)
    assert {call.ids["channel_id"] for call in discord.called(*READ)} == {world.general.id}


async def test_what_cannot_be_read_just_now_is_read_later(world: World, given: Settings) -> None:
    discord = world.discord
    missed = await discord.says(world.alice, world.general, f"{discord.bot} here?")
    discord.fail(*READ, status=503, times=2, at=world.general.id)
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            assert await made.heard() == [missed.id]


async def test_while_the_database_is_away_it_waits(world: World, given: Settings, log: Log) -> None:
    discord = world.discord
    missed = await discord.says(world.alice, world.general, f"{discord.bot} here?")
    async with ear(discord, given) as made:
        await mapped(world, made)
        assert made.parts.database.file is not None
        with closing(sqlite3.connect(made.parts.database.file)) as other:
            other.execute("ALTER TABLE mappings RENAME TO mappings_away")
            async with listening(made):
                await made.until(lambda: "waits for the database" in log.text)
                other.execute("ALTER TABLE mappings_away RENAME TO mappings")
                assert await made.heard() == [missed.id]


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_guild_that_talked_too_much_costs_a_hundred_calls_and_is_declared(
    world: World, given: Settings, log: Log
) -> None:
    discord = world.discord
    for number in range(10_100):
        await discord.says(world.bob, world.general, f"talk {number}")
    async with ear(discord, given) as made:
        await mapped(world, made)
        async with listening(made):
            await made.until(lambda: "too much was posted" in log.text, seconds=250)
    assert len(discord.called(*READ)) == MOST_CALLS


async def test_what_found_no_room_is_looked_for_later(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given, room=2) as made:
        await mapped(world, made)
        async with listening(made):
            asked = [await discord.says(world.alice, world.general, f"{discord.bot} {number}?") for number in range(6)]
            assert await made.heard(6) == [each.id for each in asked]


async def test_what_found_no_room_is_looked_for_where_the_connection_was_lost_meanwhile(
    world: World, given: Settings, tmp_path: Path
) -> None:
    """A session that is taken up again tells of nothing that it had told before."""
    discord, bot = world.discord, world.discord.bot
    discord.gateway.shards = 2
    async with ear(discord, given, room=2) as made:
        await mapped(world, made)
        before = await discord.says(world.alice, world.general, f"{bot} before?")
        async with listening(made):
            assert await made.heard() == [before.id]  # which is found, since nobody listened
            with closing(sqlite3.connect(tmp_path / "askrepo.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                asked = [await discord.says(world.alice, world.general, f"{bot} {number}?") for number in range(6)]
                await made.until(made.inbox.missed.is_set)
                discord.gateway.mute = True
                discord.gateway.drop(shard=(int(world.guild.id) >> 22) % 2)
                await made.until(lambda: not made.gateway.ready.is_set())
                other.execute("ROLLBACK")
            await made.until(lambda: not made.inbox.missed.is_set())
            await over(world)
            assert await made.heard(7) == [before.id, *[each.id for each in asked]]
            assert len(discord.gateway.identifies) == 2


def test_where_it_is_looked_and_in_which_order() -> None:
    def at(channel: str, newest: int, parent: str = "") -> Candidate:
        return Candidate(Spot("7", channel, 11 if parent else 0, parent), newest)

    candidates = (at("1", 50), at("2", 10), at("3", 70), at("4", 90, parent="1"), at("5", 80, parent="2"), at("6", 11))
    mappings = {ChannelRef("discord", "7", each) for each in ("1", "6")}
    assert [spot.channel_id for spot in due(candidates, mappings.__contains__, 10)] == ["4", "1", "6"]


def test_which_closed_threads_are_known_from_a_list() -> None:
    def thread(number: object, newest: object, closed_at: object, **more: object) -> dict[str, object]:
        told = {"id": number, "type": 11, "parent_id": "5", "last_message_id": newest}
        return told | {"thread_metadata": {"archive_timestamp": closed_at}} | more

    parent, hour = Spot("7", "5", 0), 1 << 22  # a millisecond after the first
    early, late = "2015-01-01T00:00:00.000000+00:00", "2015-01-01T00:00:00.002000+00:00"
    one = Candidate(Spot("7", "8", 11, "5"), 9)
    listed: dict[str, object] = {"threads": [thread("8", "9", late)], "has_more": True}
    assert closed(listed, parent, hour) == ([one], True)
    assert closed(listed | {"has_more": False}, parent, hour) == ([one], False)
    assert closed({"threads": [thread("8", "9", early)], "has_more": True}, parent, hour) == ([one], False)
    for odd in ("2015-01-01T00:00:00", "soon", None, 5):  # nobody can tell
        assert closed({"threads": [thread("8", "9", odd)], "has_more": True}, parent, hour) == ([one], True)
    unusable = [thread("8", None, late), thread(8, "9", late), thread("8", "9", late, parent_id=None), "?", None]
    assert closed({"threads": unusable, "has_more": False}, parent, hour) == ([], False)
    nothing: tuple[object, ...] = (None, [], {}, {"threads": None, "has_more": False})
    for each in nothing:
        assert closed(each, parent, hour) == ([], False)
