"""Several workspaces in one process: what is equal in both never mixes."""

from __future__ import annotations

import asyncio

import pytest

from core.conversation.values import ChannelRef
from core.secret import Secret
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Installation, Message, Team, User
from tests.slack import house
from tests.slack.askers import REFUSED_GUEST, keep, serving_all


@pytest.fixture
def transport() -> str:
    """The payloads are the same over Socket Mode, for which the contract of all platforms stands."""
    return "http"


async def test_equal_ids_in_two_workspaces_never_mix(slack: FakeSlack, chat: FakeChat, sqlite_url: str) -> None:
    """Both have a channel, people and messages of the same ids; each asks about its own repository with its token.

    One of them is a guest in one of the two, and asks there alone in vain.
    """
    worlds, ginas = [], []
    for name in ("acme", "umbrella"):
        team = slack.team(name)
        installation = slack.install(team)
        user = slack.user(team, "alice", user_id="U0SAME")
        gina = slack.user(team, "gina", user_id="U0GINA", guest="restricted" if name == "umbrella" else None)
        channel = slack.channel(team, "general", user, gina, channel_id="C0SAME")
        worlds.append((team, installation, user, channel))
        ginas.append((team, installation, gina, channel))
    async with house.askrepo(slack, serving_all(slack, chat, sqlite_url)) as parts:
        for team, installation, _, channel in worlds:
            place = ChannelRef("slack", team.id, channel.id)
            await keep(parts, slack, installation)
            await parts.mappings.map(place, f"github.com/{team.name}/code", actor="U0")
            secret = Secret(f"token-of-{team.name}-1234")
            await parts.tokens.save_for_mapping(place, f"github.com/{team.name}/code", secret, label="own", actor="U0")
        for number in range(8):
            at = f"{1_800_000_000 + number}.000100"
            await asyncio.gather(*(say(slack, each, at, f"question {number}?") for each in worlds))
        await slack.until(lambda: [done(channel) for _, _, _, channel in worlds] == [8, 8])
        for each in ginas:
            await say(slack, each, "1800000009.000100", "and me?")
            await slack.until(lambda: done(ginas[0][3]) == 9)  # who she is, has been asked there first
        _, _, guest, channel = ginas[1]
        await slack.until(lambda: slack.ephemerals(channel, guest))
        assert REFUSED_GUEST in slack.ephemerals(channel, guest)[-1].body
    told = [(each.repository, each.token) for each in chat.requests]
    assert sorted(set(told)) == sorted((f"github.com/{t[0].name}/code", f"token-of-{t[0].name}-1234") for t in worlds)
    assert len(told) == 17
    for team, _, _, channel in worlds:
        for post in channel.messages.values():
            assert post.author.team is team
            assert team.name in post.body or post.author.name in {"alice", "gina"}


async def test_a_command_is_replied_to_where_no_installation_is_known(
    slack: FakeSlack, chat: FakeChat, sqlite_url: str
) -> None:
    team = slack.team("acme")
    slack.install(team)  # of which nothing is stored
    alice = slack.user(team, "alice")
    channel = slack.channel(team, "general", alice)
    async with house.askrepo(slack, serving_all(slack, chat, sqlite_url)):
        await slack.command(alice, channel, "help")
        await slack.until(lambda: slack.ephemerals(channel, alice))
        (said,) = slack.ephemerals(channel, alice)
        assert "/askrepo map owner/name" in said.shown


def done(channel: Channel) -> int:
    return sum(any(each["action_id"] == "retry" for each in post.buttons) for post in channel.messages.values())


async def say(slack: FakeSlack, where: tuple[Team, Installation, User, Channel], ts: str, text: str) -> None:
    _, installation, user, channel = where
    message = Message(ts, channel, user, f"{installation.bot} {text}")
    channel.add(message)
    await slack.deliver(slack._message_event(message), installation, channel)
