"""Discord as the contract of all platforms sees it: one mapped channel of the fake, Alice and Bob in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from core import bootstrap
from core.bootstrap import App
from core.channels.grammar import ThreadWord
from core.settings import Settings
from tests.discord import house, markdown
from tests.discord.house import World
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_pings import notified
from tests.fakes.discord_threads import open_from
from tests.fakes.discord_values import Channel, Message, User
from tests.mortal import MortalProcess
from tests.platform_contract import REPOSITORY, Person, Post, Told

_SMALL = "-# "  # begins a line of ours under an answer, or in its place


@dataclass
class DiscordPlace:
    """askrepo in this process; see `Place` for what each method does. A thread is known by the id of its first post."""

    world: World
    chat: FakeChat
    app: App
    _roots: dict[str, Message] = field(default_factory=dict)

    @property
    def discord(self) -> FakeDiscord:
        return self.world.discord

    def user(self, person: Person) -> User:
        return self.world.alice if person is Person.ALICE else self.world.bob

    def _begun(self, message: Message) -> str:
        self._roots[message.id] = message
        return message.id

    def _where(self, thread: str) -> Channel | None:
        return self.world.thread(self._roots[thread])

    def _ours(self, thread: str) -> list[Message]:
        where = self._where(thread)
        answers = [] if where is None else self.discord.answers(where)
        return [each for each in answers if each.reference is None]

    async def ask(self, text: str, by: Person = Person.ALICE, *, files: Sequence[tuple[str, bytes]] = ()) -> str:
        uploaded = [
            self.discord.file(name, content, "text/plain" if name.endswith("txt") else "image/png")
            for name, content in files
        ]
        called = f"{self.discord.bot} {text}"
        return self._begun(await self.discord.says(self.user(by), self.world.general, called, files=uploaded))

    async def reply(self, thread: str, text: str, by: Person = Person.ALICE, *, called: bool = False) -> None:
        where = self._where(thread)
        if where is None:
            where = open_from(self.discord, self._roots[thread], self.user(by), "a thread of people")
        await self.discord.says(self.user(by), where, f"{self.discord.bot} {text}" if called else text)

    async def steer(self, thread: str, word: ThreadWord, by: Person = Person.ALICE) -> None:
        await self.reply(thread, word.value, by, called=True)

    def posts(self, thread: str) -> list[Post]:
        return [_read(post) for post in self._ours(thread)]

    def told(self, person: Person = Person.ALICE) -> list[Told]:
        user = self.user(person)
        channels = [each for each in self.discord.channels.values() if each.guild is self.world.guild]
        found = [each for channel in channels for each in self.discord.ephemerals(channel, user)]
        for channel in channels:
            replies = (each for each in self.discord.answers(channel) if each.reference is not None)
            found += [each for each in replies if each.reference and each.reference.author is user]
        found.sort(key=lambda each: int(each.id))
        return [Told(each.content, tuple(each.buttons)) for each in found]

    async def until(self, seen: Callable[[], bool]) -> None:
        await self.discord.until(seen)

    async def map(self, repository: str, alias: str | None = None) -> None:
        await self.app.mappings.map(self.world.place, repository, alias=alias, actor=self.world.alice.id)

    async def talk(self, text: str, by: Person) -> str:
        return self._begun(await self.discord.says(self.user(by), self.world.general, text))

    async def edit(self, thread: str, text: str, *, called: bool = True) -> None:
        await self.discord.edits(self._roots[thread], f"{self.discord.bot} {text}" if called else text)

    async def delete(self, thread: str) -> None:
        await self.discord.deletes(self._roots[thread])

    async def press(self, thread: str, label: str, by: Person = Person.ALICE) -> None:
        await self.discord.clicks(self.user(by), self._ours(thread)[-1], label)

    async def map_from_notice(self, repository: str) -> None:
        alice = self.world.alice
        (notice,) = [each for each in self.discord.answers(self.world.general) if each.reference is not None]
        await self.discord.clicks(alice, notice, next(iter(notice.buttons)))
        await self.discord.until(lambda: self.discord.modal(alice))
        await self.discord.submits(alice, repository=repository)

    async def command(self, text: str, by: Person = Person.ALICE) -> str:
        await self.discord.command(self.user(by), self.world.general, "askrepo", {"question": text})

        def shown() -> list[Message]:
            return [each for each in self.discord.answers(self.world.general) if text in each.content]

        await self.discord.until(shown)
        (root,) = shown()
        assert self.user(by).id in root.content
        return self._begun(root)

    async def ask_directly(self, text: str) -> str:
        await self.app.mappings.set_default(self.world.place.workspace, REPOSITORY, actor=self.world.alice.id)
        return self._begun(await self.discord.says(self.world.alice, self.discord.dm(self.world.alice), text))

    async def deliver_again(self, times: int) -> None:
        for message in list(self._roots.values()):
            for _ in range(times):
                self.discord.message_happened("MESSAGE_CREATE", message)

    async def bot_says(self, text: str) -> str:
        other = self.discord.user(self.world.guild, "deploys", bot=True)
        return self._begun(await self.discord.says(other, self.world.general, f"{self.discord.bot} {text}"))

    def notified(self, thread: str) -> set[str]:
        allowed = {
            call.answer["id"]: call.body.get("allowed_mentions", {})
            for call in self.discord.calls
            if call.name == "POST /channels/{channel_id}/messages" and call.status == 200
        }
        return {ping for post in self._ours(thread) for ping in notified(self.discord, post, allowed[post.id])}

    def links(self, thread: str) -> list[tuple[str, str]]:
        return [link for post in self._ours(thread) for link in markdown.seen(post.content).links]


@dataclass(kw_only=True)
class MortalDiscordPlace(DiscordPlace):
    """The same with askrepo in a process of its own. `app` is closed."""

    process: MortalProcess

    async def start(self) -> None:
        await self.process.start()
        await self.discord.until(lambda: self.discord.gateway.ready)

    async def stop(self) -> None:
        """Kill it, if it runs."""
        self.process.kill()
        await self.discord.until(lambda: not self.discord.gateway.ready)

    async def kill(self) -> None:
        await self.stop()
        self.process.let_leases_end()


@asynccontextmanager
async def running(world: World, given: Mapping[str, str]) -> AsyncIterator[App]:
    """An askrepo in this process."""
    async with house.askrepo(world.discord, Settings.model_validate(given)) as parts:
        yield parts


async def prepared(given: Mapping[str, str], world: World) -> App:
    """Map the channel, in a database that nobody has open afterwards."""
    async with bootstrap.opened(Settings.model_validate(given)) as parts:
        await parts.mappings.map(world.place, REPOSITORY, actor=world.alice.id)
        return parts


def _read(post: Message) -> Post:
    """A post as people read it: the line under a finished answer is its footer."""
    text, _, last = post.content.rpartition("\n")
    if house.finished(post) and last.startswith(_SMALL):
        return Post(post.id, text, last.removeprefix(_SMALL))
    return Post(post.id, post.content)
