"""Answers without a gateway: a core that posts to the fake Discord, and is handed questions as they would be heard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from bots.attached import File
from bots.discord.bot import Ourselves
from bots.discord.delivery import DiscordDelivery
from bots.discord.fields import moment
from bots.discord.people import People
from bots.discord.posting import Posting
from bots.discord.privately import Privately
from bots.discord.reference import Reference
from bots.discord.rest import Rest
from bots.discord.surroundings import Around
from core import bootstrap
from core.bootstrap import App
from core.conversation.values import UNSAID, Asker, ChannelRef, Question, ThreadRef
from core.relay.claims import Scope
from core.relay.limits import Allowances
from core.secret import Secret
from core.settings import Settings
from tests.discord.house import World
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_values import DM, Message, User

REPOSITORY = "github.com/calcom/cal.com"


def settings(chat: FakeChat, database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "DATABASE_URL": database_url,
            "ASKREPO_CHAT_URL": chat.url,
            "ASKREPO_CHAT_TOKEN": "process-token-1234",
        }
    )


@contextlib.asynccontextmanager
async def rest(discord: FakeDiscord, allowances: Allowances) -> AsyncIterator[Rest]:
    opened = Rest(Secret(discord.token), discord.api_url, allowances)
    yield opened
    await opened.close()


def delivery(opened: Rest) -> DiscordDelivery:
    ourselves, posting = Ourselves(opened), Posting(opened)
    people = People(opened, ourselves)
    return DiscordDelivery(
        opened, ourselves, people, posting, Around(opened, posting, people), Privately(opened, posting)
    )


@contextlib.asynccontextmanager
async def answering(world: World, given: Settings) -> AsyncIterator[App]:
    """A worker for Discord and nothing else, its channel mapped."""
    async with bootstrap.opened(given) as parts, rest(world.discord, parts.allowances) as opened:
        await parts.mappings.map(world.place, REPOSITORY, actor=world.alice.id)
        async with parts.worker({"discord": delivery(opened)}, Scope(("discord",))).running():
            yield parts


def question(world: World, message: Message, reference: Reference | None = None) -> Question:
    """What is heard of a message that addresses the bot."""
    channel, direct = message.channel, message.channel.type == DM
    within = channel.thread is not None or direct
    place = channel.parent if channel.thread and channel.parent else channel
    files = tuple(
        File(each.id, each.filename, "text/plain", len(each.content), each.url) for each in message.attachments
    )
    told = reference or Reference(in_thread=within and not direct, direct=direct, outsider=False, files=files)
    return Question(
        ThreadRef(ChannelRef("discord", world.guild.id, place.id), channel.id if within else message.id),
        message.id,
        int(message.id),
        Asker(message.author.id, message.author.name),
        message.content.replace(str(world.discord.bot), "").strip(),
        moment(message.id),
        told.encode(),
    )


def commanded(world: World, asker: User, text: str, reference: Reference) -> Question:
    """What is heard of a command in a channel: a question without a post."""
    snowflake = world.discord.snowflake()
    unsaid = f"{UNSAID}{snowflake}"
    return Question(
        ThreadRef(world.place, unsaid),
        unsaid,
        int(snowflake),
        Asker(asker.id),
        text,
        moment(snowflake),
        reference.encode(),
    )


async def ask(world: World, app: App, text: str = "why?", *, by: User | None = None) -> Message:
    """Somebody asks in the channel."""
    message = await world.discord.says(by or world.alice, world.general, f"{world.discord.bot} {text}")
    await app.intake.accept(question(world, message))
    return message


def renamed(asked: Question, text: str) -> Question:
    return replace(asked, text=text)


def posts_of(world: World, message: Message) -> Iterator[Message]:
    """The bot's messages in the thread of a message."""
    thread = world.thread(message)
    yield from world.discord.answers(thread) if thread is not None else ()
