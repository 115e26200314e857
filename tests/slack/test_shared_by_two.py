"""A channel that two organisations share, both of which installed the app: a mention is for the bot that it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Installation, Message, User
from tests.slack import house
from tests.slack.askers import allow, by_oauth, keep
from tests.slack.house import World, answered


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

    async def turns(self) -> int:
        async with self.parts.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(TurnRow))).scalar_one())


@pytest.fixture
async def shared(slack: FakeSlack, chat: FakeChat, tmp_path: Path) -> AsyncIterator[Shared]:
    acme, umbrella = slack.team("acme"), slack.team("umbrella")
    bots = slack.install(acme), slack.install(umbrella)
    alice, ulla = slack.user(acme, "alice"), slack.user(umbrella, "ulla")
    channel = slack.channel(acme, "together", alice, ulla, shared_with=[umbrella])
    channel.members.append(bots[1].bot)
    async with house.askrepo(slack, by_oauth(slack, chat, tmp_path)) as parts:
        for installation, team in zip(bots, (acme, umbrella), strict=True):
            place, repository = ChannelRef("slack", team.id, channel.id), f"github.com/{team.name}/code"
            await keep(parts, slack, installation)
            await parts.mappings.map(place, repository, actor="U0")
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
