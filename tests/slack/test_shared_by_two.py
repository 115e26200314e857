"""A channel that two organisations share, both of which installed the app, and of which Slack tells one of them.

A mention is for the bot that it names; what happens to the channel or to a post in it is for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Installation, Message, User
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.askers import SUSPENDED, allow, keep, serving_all
from tests.slack.house import World, answered
from tests.turns import ended


@dataclass
class Shared:
    """Acme's channel with umbrella in it; each maps it to its own repository, with its own token."""

    slack: FakeSlack
    parts: App
    channel: Channel
    acme: Installation
    umbrella: Installation
    alice: User
    ulla: User

    async def says(self, user: User, text: str, *, delivered_for: Installation, **told: str) -> Message:
        """A mention, as Slack tells of it: once, for any of the two."""
        message = Message(self.slack.now_ts(), self.channel, user, text)
        self.channel.add(message)
        event = self.slack._message_event(message, type="app_mention") | told
        delivery = await self.slack.deliver(event, delivered_for, self.channel)
        assert delivery.acknowledged
        return message

    @property
    def of_acme(self) -> World:
        return World(self.slack, self.channel.team, self.acme, self.alice, self.ulla, self.channel)

    @property
    def places(self) -> tuple[ChannelRef, ChannelRef]:
        return self._place(self.acme), self._place(self.umbrella)

    def _place(self, installation: Installation) -> ChannelRef:
        assert installation.team is not None
        return ChannelRef("slack", installation.team.id, self.channel.id)

    async def suspended(self) -> list[bool]:
        return [each.suspended for place in self.places for each in await self.parts.mappings.list(place)]

    async def turns(self) -> int:
        async with self.parts.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(TurnRow))).scalar_one())


@pytest.fixture
async def shared(slack: FakeSlack, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Shared]:
    acme, umbrella = slack.team("acme"), slack.team("umbrella")
    bots = slack.install(acme), slack.install(umbrella)
    alice, ulla = slack.user(acme, "alice"), slack.user(umbrella, "ulla")
    channel = slack.channel(acme, "together", alice, ulla, shared_with=[umbrella])
    channel.members.append(bots[1].bot)
    async with house.askrepo(slack, serving_all(slack, chat, sqlite_url)) as parts:
        for installation, team, user in zip(bots, (acme, umbrella), (alice, ulla), strict=True):
            place, repository = ChannelRef("slack", team.id, channel.id), f"github.com/{team.name}/code"
            await keep(parts, slack, installation)
            await parts.mappings.map(place, repository, actor=user.id)
            secret = Secret(f"token-of-{team.name}-1234")
            await parts.tokens.save_for_mapping(place, repository, secret, label="own", actor="U0")
            await allow(parts, place, outsiders=True)
        yield Shared(slack, parts, channel, *bots, alice, ulla)


@pytest.mark.parametrize("told", [{}, {"user_team": "E0ACME0001"}])
@pytest.mark.parametrize("delivered_for", ["acme", "umbrella"])
async def test_whoever_calls_their_own_bot_is_answered_by_it(
    shared: Shared, chat: FakeChat, delivered_for: str, told: dict[str, str]
) -> None:
    """Of somebody of an organisation Slack may name that, beside the workspace."""
    shared.slack.allows("invalid_arguments")  # a stream wants the workspace
    installation = shared.acme if delivered_for == "acme" else shared.umbrella
    root = await shared.says(shared.alice, f"<@{shared.acme.bot.id}> why?", delivered_for=installation, **told)
    (answer,) = await answered(shared.of_acme, root)
    assert answer.author is shared.acme.bot
    assert [(each.repository, each.token) for each in chat.requests] == [("github.com/acme/code", "token-of-acme-1234")]
    assert await shared.turns() == 1


@pytest.mark.parametrize("words", ["<@{}> why?", "<@{}> stop", "<@{}>"])
async def test_whoever_calls_anothers_bot_is_not_answered_by_their_own(shared: Shared, words: str) -> None:
    with capture_logs() as logged:
        await shared.says(shared.ulla, words.format(shared.acme.bot.id), delivered_for=shared.umbrella)
    assert {"event": "ignored", "reason": "another bot of ours", "log_level": "info"} in logged
    assert await shared.turns() == 0
    assert shared.slack.ephemerals(shared.channel, shared.ulla) == []


@pytest.mark.parametrize("delivered_for", ["acme", "umbrella"])
async def test_a_reply_that_calls_nobody_is_for_whose_thread_it_is_in(
    shared: Shared, chat: FakeChat, delivered_for: str
) -> None:
    installation = shared.acme if delivered_for == "acme" else shared.umbrella
    root = await shared.says(shared.ulla, f"<@{shared.umbrella.bot.id}> why?", delivered_for=shared.umbrella)
    await answered(shared.of_acme, root)
    for user in (shared.ulla, shared.alice, shared.ulla):  # who talk to each other from then on
        reply = Message(shared.slack.now_ts(), shared.channel, user, "and then?", thread_ts=root.ts)
        shared.channel.add(reply)
        await shared.slack.deliver(shared.slack._message_event(reply), installation, shared.channel)
        await ended(shared.parts)
    asked = [(each.repository, each.token, each.question) for each in chat.requests]
    whose = "github.com/umbrella/code", "token-of-umbrella-1234"
    assert asked == [(*whose, "why?"), (*whose, "and then?")]
    assert await shared.turns() == 2


async def joined(shared: Shared) -> None:
    await shared.slack.shares(shared.channel, shared.slack.team("rival"))


async def made_public(shared: Shared) -> None:
    event = {"type": "message", "subtype": "channel_convert_to_public", "channel": shared.channel.id}
    event |= {"user": shared.alice.id, "ts": shared.slack.now_ts(), "channel_type": "group", "text": ""}
    await shared.slack.deliver(event, shared.acme, shared.channel)


async def moved(shared: Shared) -> None:
    await shared.slack.changes_id(shared.channel, "C0NEWID")


async def archived(shared: Shared) -> None:
    await shared.slack.archives(shared.channel, shared.alice)


@pytest.mark.parametrize("change", [joined, made_public, moved, archived])
async def test_who_reads_along_may_have_changed_for_both(
    shared: Shared, change: Callable[[Shared], Awaitable[None]]
) -> None:
    slack = shared.slack
    await change(shared)
    assert {each.payload["authorizations"][0]["team_id"] for each in slack.deliveries} == {
        shared.places[0].workspace_id
    }
    assert await shared.suspended() == [True, True]

    def told(user: User, installation: Installation) -> list[str]:
        return [each.shown for each in slack.posts(slack.dm(user, installation)) if "which you mapped" in each.shown]

    if change is not archived:
        await slack.until(lambda: told(shared.alice, shared.acme) and told(shared.ulla, shared.umbrella))
    shared.channel.archived = False
    await shared.says(shared.ulla, f"<@{shared.umbrella.bot.id}> why?", delivered_for=shared.acme)
    await slack.until(lambda: slack.ephemerals(shared.channel, shared.ulla))
    assert SUSPENDED in slack.ephemerals(shared.channel, shared.ulla)[-1].body


async def test_a_bot_that_leaves_is_one_of_the_two(shared: Shared) -> None:
    await shared.slack.leaves(shared.umbrella.bot, shared.channel)
    assert await shared.suspended() == [False, True]
    await shared.slack.leaves(shared.ulla, shared.channel)
    await shared.slack.leaves(shared.acme.bot, shared.channel)
    assert await shared.suspended() == [True, True]


async def test_a_deleted_question_is_forgotten_whoever_is_told_of_it(shared: Shared) -> None:
    root = await shared.says(shared.ulla, f"<@{shared.umbrella.bot.id}> why?", delivered_for=shared.umbrella)
    await answered(shared.of_acme, root)
    await shared.slack.deletes(root)
    assert shared.slack.deliveries[-1].payload["authorizations"][0]["user_id"] == shared.acme.bot.id
    async with shared.parts.database.reading() as connection:
        (turn,) = (await connection.execute(select(TurnRow.workspace_id, TurnRow.answer, TurnRow.erased_at))).all()
    assert (turn.workspace_id, turn.answer) == (shared.places[1].workspace_id, None)
    assert turn.erased_at is not None


async def test_an_edited_question_is_answered_as_it_is_now_whoever_is_told_of_it(
    shared: Shared, chat: FakeChat
) -> None:
    chat.will(holding("About the old one.\n", "and on", asyncio.Event()), says("About the new one."))
    root = await shared.says(shared.ulla, f"<@{shared.umbrella.bot.id}> why?", delivered_for=shared.umbrella)
    await chat.arrival()
    await shared.slack.edits(root, f"<@{shared.umbrella.bot.id}> how?")
    (answer,) = await answered(shared.of_acme, root)
    assert answer.author is shared.umbrella.bot
    assert "About the new one." in answer.body
    assert [each.question for each in chat.requests] == ["why?", "how?"]


async def test_a_channel_of_one_organisation_is_no_others_whatever_its_id(shared: Shared) -> None:
    """An id alone says nothing: Slack has told that others are in the channel, or they are not asked about."""
    root = await shared.says(shared.ulla, f"<@{shared.umbrella.bot.id}> why?", delivered_for=shared.umbrella)
    await answered(shared.of_acme, root)
    shared.channel.shared_with.clear()
    await made_public(shared)
    await shared.slack.deletes(root)
    assert await shared.suspended() == [True, False]
    async with shared.parts.database.reading() as connection:
        assert (await connection.execute(select(TurnRow.erased_at))).scalars().all() == [None]


async def test_a_new_id_moves_no_channel_that_slack_does_not_call_shared(shared: Shared) -> None:
    """What has the old one elsewhere may be another channel: it stays, and waits for somebody to confirm it."""
    acme, umbrella = shared.places
    shared.channel.shared_with.clear()
    await moved(shared)
    here = [await shared.parts.mappings.list(each) for each in (acme, umbrella, *shared.places)]
    assert [[each.suspended for each in found] for found in here] == [[], [True], [True], []]


async def test_workspaces_of_one_organisation_share_it_too(slack: FakeSlack, chat: FakeChat, sqlite_url: str) -> None:
    """There one installation is told of both, and Slack does not call that shared with others."""
    teams = [slack.team(name, enterprise="E0GRID") for name in ("one", "two")]
    installation = slack.install(*teams, enterprise="E0GRID")
    people = [slack.user(team, "anna") for team in teams]
    channel = slack.channel(teams[0], "together", *people)
    places = [ChannelRef("slack", team.id, channel.id) for team in teams]
    async with house.askrepo(slack, serving_all(slack, chat, sqlite_url)) as parts:
        await keep(parts, slack, installation)
        for place, user in zip(places, people, strict=True):
            await parts.mappings.map(place, house.REPOSITORY, actor=user.id)
        post = Message(slack.now_ts(), channel, people[0], "why?")
        channel.add(post)
        await slack.edits(post, f"<@{installation.bot.id}> why?")
        assert await ended(parts) == ["answered"]  # once, though the bot is the same in both
        event = {"type": "message", "subtype": "channel_convert_to_public", "channel": channel.id}
        await slack.deliver(event | {"user": people[0].id, "ts": slack.now_ts()}, installation, channel)
        assert [each.suspended for place in places for each in await parts.mappings.list(place)] == [True, True]
        for user in people:
            await slack.until(lambda user=user: slack.posts(slack.dm(user, installation)))  # type: ignore[misc]
