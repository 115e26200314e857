"""Slack as the contract of all platforms sees it: one mapped channel of the fake, Alice and Bob in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from markdown_it import MarkdownIt

from bots.roles import Role
from core import bootstrap
from core.bootstrap import App
from core.channels.grammar import ThreadWord
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import pings
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Channel, Message, User
from tests.mortal import MortalProcess
from tests.platform_contract import FIRST_TOKEN_SECONDS, REPOSITORY, Person, Post, Told
from tests.slack import house
from tests.slack.house import World

_READER = MarkdownIt("commonmark").enable("table")


@dataclass
class SlackPlace:
    """askrepo in this process; see `Place` for what each method does."""

    world: World
    chat: FakeChat
    app: App
    _channels: dict[str, Channel] = field(default_factory=dict)

    @property
    def slack(self) -> FakeSlack:
        return self.world.slack

    def user(self, person: Person) -> User:
        return self.world.alice if person is Person.ALICE else self.world.bob

    def _begun(self, message: Message) -> str:
        self._channels[message.ts] = message.channel
        return message.ts

    def _thread(self, thread: str) -> list[Message]:
        return self.slack.thread(self._channels[thread], thread)

    def _ours(self, thread: str) -> list[Message]:
        return [post for post in self._thread(thread)[1:] if post.author is self.world.askrepo.bot]

    async def ask(self, text: str, by: Person = Person.ALICE, *, files: Sequence[tuple[str, bytes]] = ()) -> str:
        user = self.user(by)
        uploaded = [
            self.slack.file(user, name, content, "text/plain" if name.endswith("txt") else "image/png")
            for name, content in files
        ]
        called = f"{self.world.askrepo.bot} {text}"
        return self._begun(await self.slack.says(user, self.world.general, called, files=uploaded))

    async def reply(self, thread: str, text: str, by: Person = Person.ALICE, *, called: bool = False) -> None:
        words = f"{self.world.askrepo.bot} {text}" if called else text
        await self.slack.says(self.user(by), self._channels[thread], words, thread=thread)

    async def steer(self, thread: str, word: ThreadWord, by: Person = Person.ALICE) -> None:
        await self.reply(thread, word.value, by, called=True)

    def posts(self, thread: str) -> list[Post]:
        return [Post(post.ts, post.body, _footer(post)) for post in self._ours(thread)]

    def told(self, person: Person = Person.ALICE) -> list[Told]:
        return [
            Told(post.body, tuple(button["text"]["text"] for button in post.buttons))
            for post in self.slack.ephemerals(self.world.general, self.user(person))
        ]

    async def until(self, seen: Callable[[], bool]) -> None:
        await self.slack.until(seen)

    async def map(self, repository: str, alias: str | None = None) -> None:
        await self.app.mappings.map(self.world.place, repository, alias=alias, actor=self.world.alice.id)

    async def talk(self, text: str, by: Person) -> str:
        return self._begun(await self.slack.says(self.user(by), self.world.general, text))

    async def edit(self, thread: str, text: str, *, called: bool = True) -> None:
        words = f"{self.world.askrepo.bot} {text}" if called else text
        await self.slack.edits(self._thread(thread)[0], words)

    async def delete(self, thread: str) -> None:
        await self.slack.deletes(self._thread(thread)[0])

    async def press(self, thread: str, label: str, by: Person = Person.ALICE) -> None:
        post = self._ours(thread)[-1]
        if label == "Stop" and post.stream is not None and post.stream.state == "in_progress":
            await self.slack.stops(
                self.user(by), post
            )  # a stream takes no blocks, and has a stop button of Slack's own
            return
        (action,) = [each["action_id"] for each in post.buttons if each.get("text", {}).get("text") == label]
        await self.slack.clicks(self.user(by), post, action)

    async def map_from_notice(self, repository: str) -> None:
        alice = self.world.alice
        notice = self.slack.ephemerals(self.world.general, alice)[-1]
        await self.slack.clicks(alice, notice, notice.buttons[0]["action_id"])

        def form_is_open() -> bool:
            modal = self.slack.modal(alice)
            return modal is not None and any(block["type"] == "input" for block in modal.content["blocks"])

        await self.slack.until(form_is_open)
        modal = self.slack.modal(alice)
        assert modal is not None
        await self.slack.submits(alice, modal, repository=repository)

    async def command(self, text: str, by: Person = Person.ALICE) -> str:
        self.slack.allows_pings_of(self.user(by))
        before = {post.ts for post in self.slack.posts(self.world.general)}
        await self.slack.command(self.user(by), self.world.general, text)

        def fresh() -> list[Message]:
            return [post for post in self.slack.posts(self.world.general) if post.ts not in before]

        await self.slack.until(lambda: any(text in post.shown for post in fresh()))
        root = fresh()[0]
        assert f"<@{self.user(by).id}>" in root.shown
        return self._begun(root)

    async def ask_directly(self, text: str) -> str:
        await self.app.mappings.set_default(self.world.place.workspace, REPOSITORY, actor=self.world.alice.id)
        return self._begun(await self.slack.says(self.world.alice, self.slack.dm(self.world.alice), text))

    async def deliver_again(self, times: int) -> None:
        for delivery in [each for each in self.slack.deliveries if not each.own]:
            for number in range(times):
                await self.slack.redeliver(delivery, new_id=True)
                again = {**delivery.payload, "event_context": f"again-{number}-{len(self.slack.deliveries)}"}
                await self.slack.pushing.push(Delivery(delivery.type, again))  # the same id, signed anew

    async def bot_says(self, text: str) -> str:
        other = self.slack.user(self.world.team, "deploys", bot=True)
        self.world.general.members.append(other)
        return self._begun(await self.slack.says(other, self.world.general, f"{self.world.askrepo.bot} {text}"))

    def notified(self, thread: str) -> set[str]:
        return {ping for post in self._ours(thread) for ping in pings(post.body, post.blocks)}

    def links(self, thread: str) -> list[tuple[str, str]]:
        return [link for post in self._ours(thread) for link in _links(post.body)]


@dataclass(kw_only=True)
class MortalSlackPlace(SlackPlace):
    """The same with askrepo in a process of its own, over Socket Mode, which needs no address. `app` is closed."""

    process: MortalProcess

    async def start(self) -> None:
        await self.process.start()
        await self.slack.until(lambda: self.slack.sockets.open > 0)

    async def stop(self) -> None:
        """Kill it, if it runs."""
        self.process.kill()
        await self.slack.until(lambda: self.slack.sockets.open == 0)

    async def kill(self) -> None:
        await self.stop()
        self.process.let_leases_end()


def environment(world: World, chat: FakeChat, database_url: str, transport: str) -> dict[str, str]:
    """The settings of an askrepo that listens by this transport, "http" or "socket"."""
    app = world.slack.app
    way = {"SLACK_SIGNING_SECRET": app.signing_secret} if transport == "http" else {"SLACK_APP_TOKEN": app.app_token}
    return {
        "DATABASE_URL": database_url,
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_CHAT_TOKEN": "process-token-1234",
        "ASKREPO_CHAT_FIRST_TOKEN_SECONDS": str(FIRST_TOKEN_SECONDS),
        "ASKREPO_SLACK_API_URL": world.slack.api_url,
        "SLACK_BOT_TOKEN": world.askrepo.token,
        "PORT": "0",
        **way,
    }


@asynccontextmanager
async def running(world: World, given: Mapping[str, str], transport: Literal["http", "socket"]) -> AsyncIterator[App]:
    """An askrepo in this process, reached by this transport."""
    world.slack.transport = transport
    roles = [Role.WORKER, Role.WEB if transport == "http" else Role.SLACK]
    async with house.askrepo(world.slack, Settings.model_validate(given), roles) as parts:
        await world.slack.until(lambda: transport == "http" or world.slack.sockets.open == 2)
        yield parts


async def prepared(given: Mapping[str, str], world: World) -> App:
    """Map the channel, in a database that nobody has open afterwards."""
    async with bootstrap.opened(Settings.model_validate(given)) as parts:
        await parts.mappings.map(world.place, REPOSITORY, actor=world.alice.id)
        return parts


def _footer(post: Message) -> str:
    """What stands under a finished answer."""
    if not any(button["action_id"] == "retry" for button in post.buttons):
        return ""
    lines = [block["elements"][0]["text"] for block in post.blocks if block["type"] == "context"]
    return str(lines[-1])


def _links(markdown: str) -> list[tuple[str, str]]:
    """Label and target of each link, as CommonMark reads it."""
    found: list[tuple[str, str]] = []
    for block in _READER.parse(markdown):
        target, label = "", ""
        for token in block.children or []:
            if token.type == "link_open":
                target, label = str(token.attrs["href"]), ""
            elif token.type == "link_close":
                found.append((label, target))
            else:
                label += token.content
    return found
