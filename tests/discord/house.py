"""A whole askrepo in this process, pointed at the fake Discord and the fake /chat over real sockets."""

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
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_values import Channel, Guild, Message, User

REPOSITORY = "github.com/calcom/cal.com"


@dataclass
class World:
    """One guild with the bot in it, two people and a channel. Alice may manage channels and the server."""

    discord: FakeDiscord
    guild: Guild
    alice: User
    bob: User
    general: Channel

    @property
    def place(self) -> ChannelRef:
        return ChannelRef("discord", self.guild.id, self.general.id)

    def thread(self, message: Message) -> Channel | None:
        """Where the answer to a message stands: the thread that began with it, or where it was written."""
        if message.channel.thread is not None or message.channel.guild is None:
            return message.channel
        return self.discord.thread_of(message)


def world(discord: FakeDiscord) -> World:
    guild = discord.guild("acme")
    alice = discord.user(guild, "alice", "MANAGE_CHANNELS", "MANAGE_GUILD")
    return World(discord, guild, alice, discord.user(guild, "bob"), discord.channel(guild, "general"))


def environment(discord: FakeDiscord, chat: FakeChat, database_url: str, **more: str) -> dict[str, str]:
    given = {
        "DATABASE_URL": database_url,
        "ASKREPO_SECRET_KEYS": "",
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_CHAT_TOKEN": "process-token-1234",
        "ASKREPO_DISCORD_API_URL": discord.api_url,
        "DISCORD_TOKEN": discord.token,
        "PORT": "0",
    }
    return {name: value for name, value in (given | more).items() if value}


def settings(discord: FakeDiscord, chat: FakeChat, database_url: str, **more: str) -> Settings:
    return Settings.model_validate(environment(discord, chat, database_url, **more))


@contextlib.asynccontextmanager
async def askrepo(
    discord: FakeDiscord, given: Settings, roles: Collection[Role] = (Role.DISCORD, Role.WORKER)
) -> AsyncIterator[App]:
    """Askrepo running, and told of every guild where it listens."""
    async with bootstrap.opened(given) as parts, running(parts, roles, host="127.0.0.1"):
        if Role.DISCORD in roles:
            await discord.until(lambda: discord.gateway.ready and any(discord.commands.values()))
        yield parts


def finished(post: Message) -> bool:
    """Whether it is the last post of an answer."""
    return "Retry" in post.buttons


async def answered(world: World, question: Message, number: int = 1) -> list[Message]:
    """Wait until the thread holds so many finished answers: the bot's posts in it."""

    def posts() -> list[Message]:
        thread = world.thread(question)
        return [] if thread is None else world.discord.answers(thread)

    await world.discord.until(lambda: sum(map(finished, posts())) >= number)
    return posts()
