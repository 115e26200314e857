"""People of many workspaces who ask in Slack, at a rate, while anything may happen to askrepo.

All workspaces have channels and people of the same ids. Each channel has a repository and a token of its own, and every
answer says which of both /chat has seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.database import Database
from core.errors import DatabaseError, DatabaseUnavailable
from core.secret import Secret
from tests.fakes.chat_replies import Exchange, in_two, says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Channel, Installation, Message, User
from tests.proof.history import Binding
from tests.proof.marks import mark
from tests.proof.rims import WORD
from tests.proof.stored import count
from tests.slack.askers import keep

_CHANNELS = 2
_PEOPLE = 4
_TRIES = 5
_AT_ONCE = 20  # of what is done as fast as it can be
_FOLLOW_UPS = 0.2  # of the questions: into that person's last thread, whose answer may still run
_AGAIN_SECONDS = 0.2  # between two looks at what is to be delivered again
_MOST_OPEN = 300  # questions
_COUNT_SECONDS = 1.0
_LAST_SECONDS = 301.0  # after which Slack has delivered for the last time


@dataclass(frozen=True)
class Place:
    """A channel, who asks there, and what with; the repository and the token carry its number."""

    number: int
    installation: Installation
    channel: Channel
    people: tuple[User, ...]

    @property
    def ref(self) -> ChannelRef:
        return ChannelRef("slack", self.channel.team.id, self.channel.id)

    @property
    def binding(self) -> Binding:
        return Binding(f"github.com/acme/repository-{self.number}", f"token-of-place-{self.number}-" + "x" * 8)


@dataclass(frozen=True)
class Heard:
    """A request to /chat."""

    at: float
    word: str  # of the question
    words: tuple[str, ...]  # of the whole conversation
    repository: str
    token: str


@dataclass
class Crowd:
    """See the module's text. `route` is called before each delivery, and may set `slack.url`."""

    slack: FakeSlack
    dice: random.Random
    route: Callable[[], None] = lambda: None
    pieces: int = 4  # of an answer
    pause: float = 0.2  # before each piece
    gate: asyncio.Event | None = None  # what every answer waits for after its first lines
    places: list[Place] = field(default_factory=list)
    asked: dict[str, tuple[float, Message]] = field(default_factory=dict)  # by the word of the question
    heard: list[Heard] = field(default_factory=list)
    _threads: dict[tuple[int, str], Message] = field(default_factory=dict)
    _one_more: asyncio.Event = field(default_factory=asyncio.Event)
    _open: int = 0
    _asking: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def populate(self, workspaces: int) -> None:
        """Make workspaces with the app, their channels and people: so many that Slack lets us answer as fast as asked.

        One of them takes about a dozen answers a minute.
        """
        # a dead process's stream is still open when another takes over, and what it did not acknowledge comes again;
        # one that stands still calls before it has read that it is to wait
        self.slack.allows("streaming_state_conflict", "not_acknowledged", "called_inside_retry_after")
        for number in range(workspaces):
            team = self.slack.team(f"team{number}")
            installation = self.slack.install(team)
            people = tuple(self.slack.user(team, f"person{each}", user_id=f"U0SAME{each}") for each in range(_PEOPLE))
            for each in range(_CHANNELS):
                channel = self.slack.channel(team, f"channel{each}", *people, channel_id=f"C0SAME{each}")
                self.places.append(Place(len(self.places), installation, channel, people))

    async def set_up(self, app: App) -> None:
        """What admins have done before anybody asks: installed the app, mapped the channels, each with its token."""
        await _by_few(_at_last(partial(keep, app, self.slack, each)) for each in self.slack.installations)
        await _by_few(_at_last(partial(_map, app, place)) for place in self.places)

    async def answer(self, exchange: Exchange) -> None:
        """What /chat answers: pieces that tell their generation, their question, and what it was asked with."""
        request = exchange.request
        words = tuple(word for message in request.messages for word in WORD.findall(message["content"]))
        word, token = WORD.findall(request.question)[0], request.token or ""  # behind it stands what others said
        self.heard.append(Heard(time.monotonic(), word, words, request.repository, token))
        generation = len(self.heard)
        parts = [f"{mark(generation, word, each, self.pieces)} and\n" for each in range(self.pieces)]
        parts[0] += f"seen: repository {request.repository.split('-')[-1]}, token {token.split('-')[3]}.\n"
        if self.gate is not None and not self.gate.is_set():
            await in_two("".join(parts), self.gate, at=2)(exchange)
        else:
            await says(*parts, delay=self.pause)(exchange)

    @asynccontextmanager
    async def asking(self, rate: float, database: Database) -> AsyncIterator[None]:
        """People ask so many questions a second, and Slack delivers again what was not acknowledged.

        While very many are open nobody asks: a machine that cannot answer so many a second is no longer about kills.
        """
        tasks = [asyncio.create_task(each) for each in (self._keep_asking(rate), self._keep_counting(database))]
        ended = asyncio.Event()
        delivering = asyncio.create_task(self._keep_delivering(ended))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended.set()  # not cancelled: what is under way would be delivered by nobody
            await asyncio.gather(*tasks, delivering, return_exceptions=True)

    async def asks(self, many: int) -> None:
        """Return when so many more questions have been asked."""
        enough = len(self.asked) + many
        while len(self.asked) < enough:
            self._one_more.clear()
            await self._one_more.wait()

    async def delivered(self) -> None:
        """Return when everything was delivered that Slack delivers; somebody should listen by now."""
        if self._asking:
            await asyncio.wait(self._asking)
        while self.slack.pushing.due:
            self.slack.advance(_LAST_SECONDS)
            self.route()
            await self.slack.retries()

    async def ask_all(self, many: int) -> None:
        """Ask so many questions, each a thread of its own, and nobody many of them."""
        places = len(self.places)
        whose = ((number, self.places[number % places], number // places % _PEOPLE) for number in range(many))
        await _by_few(self.ask(number, place, place.people[person]) for number, place, person in whose)

    async def _ask_somewhere(self, number: int) -> None:
        place = self.dice.choice(self.places)
        person = self.dice.choice(place.people)
        thread = self._threads.get((place.number, person.id)) if self.dice.random() < _FOLLOW_UPS else None
        await self.ask(number, place, person, thread)

    async def ask(self, number: int, place: Place, person: User, thread: Message | None = None) -> None:
        """Ask one question; returns once Slack has tried to deliver it."""
        word = f"word-{number}"
        self.route()
        text = f"{place.installation.bot} Where is {word}?"
        at = time.monotonic()
        message = await self.slack.says(person, place.channel, text, thread=thread)
        self.asked[word] = at, message
        self._one_more.set()
        self._threads[place.number, person.id] = thread or message

    async def _keep_asking(self, rate: float) -> None:
        began, due = time.monotonic(), 0.0
        while True:
            due += self.dice.expovariate(rate)
            await asyncio.sleep(began + due - time.monotonic())
            if self._open > _MOST_OPEN:
                continue
            task = asyncio.create_task(self._ask_somewhere(next(self._numbers)))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _keep_counting(self, database: Database) -> None:
        while True:
            with contextlib.suppress(DatabaseError):
                self._open = await count(database, "waiting", "running")
            await asyncio.sleep(_COUNT_SECONDS)

    async def _keep_delivering(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await asyncio.sleep(_AGAIN_SECONDS)
            self.route()
            await self.slack.retries()
            self.slack.calls.clear()  # nobody looks at them, and a long run makes hundreds of thousands
            self.slack.deliveries[:] = filter(is_question, self.slack.deliveries)


async def _by_few(work: Iterable[Coroutine[object, object, None]]) -> None:
    """All of it, few at once: on a busy machine the last of many waits longer for a connection than it may."""
    some = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Coroutine[object, object, None]) -> None:
        async with some:
            await each

    await asyncio.gather(*map(one, work))


async def _at_last(act: Callable[[], Coroutine[object, object, None]]) -> None:
    """Do it, if need be again: on a busy machine we may stand still for longer than a transaction may be idle."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(DatabaseUnavailable):
            await act()
            return
    await act()


def is_question(delivery: Delivery) -> bool:
    """Whether it tells the app of a question, under the name by which it must take it."""
    return bool(delivery.payload.get("event", {}).get("type") == "app_mention")


async def _map(app: App, place: Place) -> None:
    repository = place.binding.repository
    await app.mappings.map(place.ref, repository, actor="U0")
    await app.tokens.save_for_mapping(place.ref, repository, Secret(place.binding.token), label="own", actor="U0")
