"""A whole askrepo in this process, pointed at the fake Slack and the fake /chat over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from bots.roles import Role
from bots.running import running
from core import bootstrap
from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Installation, Message, Team, User

REPOSITORY = "github.com/calcom/cal.com"


@dataclass
class World:
    """One team with the app installed, two people and a channel that is mapped to a repository."""

    slack: FakeSlack
    team: Team
    askrepo: Installation
    alice: User
    bob: User
    general: Channel

    @property
    def place(self) -> ChannelRef:
        return ChannelRef("slack", self.team.id, self.general.id)


def world(slack: FakeSlack) -> World:
    team = slack.team()
    askrepo = slack.install(team)
    alice, bob = slack.user(team, "alice", admin=True), slack.user(team, "bob")
    return World(slack, team, askrepo, alice, bob, slack.channel(team, "general", alice, bob))


def settings(slack: FakeSlack, askrepo: Installation, chat: FakeChat, database_url: str, **more: str) -> Settings:
    given = {
        "DATABASE_URL": database_url,
        "ASKREPO_SECRET_KEYS": "",
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_CHAT_TOKEN": "process-token-1234",
        "ASKREPO_SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": askrepo.token,
        "PORT": "0",
    }
    return Settings.model_validate({name: value for name, value in (given | more).items() if value})


@contextlib.asynccontextmanager
async def askrepo(
    slack: FakeSlack, given: Settings, roles: Collection[Role] = (Role.WEB, Role.WORKER)
) -> AsyncIterator[App]:
    """Askrepo running; Slack knows its address from then on."""
    async with bootstrap.opened(given) as parts, running(parts, roles, host="127.0.0.1") as url:
        if url is not None:
            slack.url = f"{url}/slack/events"
        if Role.SLACK in roles:
            await slack.until(lambda: slack.sockets.open)
        yield parts


async def answered(world: World, root: Message, number: int = 1) -> list[Message]:
    """Wait until the thread holds so many finished answers, and nothing unfinished: the bot's posts in it."""

    def posts() -> list[Message]:
        return [post for post in world.slack.thread(root.channel, root.ts)[1:] if post.bot_id]

    def finished() -> bool:
        return sum(any(each["action_id"] == "retry" for each in post.buttons) for post in posts()) >= number

    await world.slack.until(finished)
    return posts()
