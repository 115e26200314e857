"""What stands around a bot that is measured: a fake Slack and a fake /chat in a process of their own, with stamps.

All stamps are the machine's monotonic clock, which its processes have in common.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from core import logs
from tests.bench.slack_load import Around, around, questions, workspaces
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, chunked, head, stream
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Call, Message

_WARM_UP_SECONDS = 3.0  # of an answer
_LOOK_SECONDS = 0.25
_SETTLE_SECONDS = 1.0  # after the last answer is whole, for what the bot still has to say about it
_NUMBER = re.compile(r"question (\d+)\?")
_ANSWER = """\
Answer {number}: a booking is made by `handleNewBooking`, and that in four steps.

1. It reads the event type and the people who host it. The event type says how long a booking takes, how early it
   may be made, and which calendars have to be free.
2. It asks every calendar for what is busy. What is busy in one calendar is busy for all, unless the event type is
   for one of several people: then the next of them who is free takes it.
3. It writes the booking, and only then tells the calendars. When one of them cannot be told, the booking stays, and
   a job tries it again.
4. It sends the messages, one to the guest and one to each host.

```ts
const available = await getAvailableHosts(eventType, { from, to });
if (available.length === 0) {
  throw new HttpError({ statusCode: 409, message: ErrorCode.NoAvailableUsersFound });
}
```

So a slot that two people want at the same moment goes to whoever wrote the booking first. The other one gets status
409, and the page shows the free slots anew. There is no lock beyond that of the database, which has a unique key over
the host and the beginning of the booking.

What happens after that depends on the workflows of the event type: a reminder an hour before it begins, a message to
those who did not come, a call to a webhook. Each is a row of its own with the time when it is due, and a job that
runs every minute takes those that are due and deletes them once they are done.

Cancelling takes the same way back: the booking is marked, the calendars are told, the messages are sent, and what was
due is deleted. A booking that was paid for waits until the money is on its way, which the provider tells by a webhook.
"""
_PIECE = re.compile(r"\s*\S+\s+|\s*\S+$")  # a word with the blank behind it


def answer(number: int) -> str:
    """What /chat says to this question."""
    return _ANSWER.replace("{number}", str(number)).rstrip()


@dataclass
class Stamps:
    """One question as the fakes saw it; 0.0 is never."""

    asked: float = 0.0
    first_piece: float = 0.0
    first_text: float = 0.0
    last_call: float = 0.0
    whole: bool = False


@dataclass(frozen=True)
class Seen:
    """What became of the questions, in the order of the bodies."""

    questions: tuple[Stamps, ...]
    calls: dict[str, int]
    refused: int  # for pace
    violations: dict[str, int]
    busy: float  # seconds of processor time that the fakes took
    most_live: int


@dataclass
class Chat:
    """Says the same at the same pace, however late it is itself. The first questions are a warm-up."""

    seconds: float  # of one answer
    warm_up: int
    stamps: dict[int, Stamps] = field(default_factory=dict)
    live: int = 0
    most_live: int = 0

    async def reply(self, exchange: Exchange) -> None:
        """Stream the answer of this question."""
        found = _NUMBER.search(exchange.request.question)
        number = int(found[1]) if found else -1
        stamps = self.stamps.setdefault(number, Stamps())
        began = time.monotonic()
        stamps.asked = stamps.asked or began
        pieces = _PIECE.findall(answer(number))
        events = [*stream(pieces)]
        seconds = _WARM_UP_SECONDS if number < self.warm_up else self.seconds
        self.live += 1
        self.most_live = max(self.live, self.most_live)
        try:
            await exchange.send(head(200, "Transfer-Encoding: chunked"))
            for place, octets in enumerate(events):
                await asyncio.sleep(max(0.0, began + place * seconds / len(events) - time.monotonic()))
                if place == 1:  # the first event has a role and no text
                    stamps.first_piece = stamps.first_piece or time.monotonic()
                await exchange.send(chunked(octets))
            await exchange.send(chunked(b""))
        finally:
            self.live -= 1


@dataclass(frozen=True)
class Scene:
    """What is to be played: in how many places, how many questions, how long an answer takes, with which limits."""

    workspaces: int
    people: int  # of each
    channels: int  # of each
    warm_up: int
    questions: int
    seconds: float
    tiers: bool


class Outside:
    """The process of the fakes, from the side of whoever measures."""

    def __init__(self, scene: Scene) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process: BaseProcess = multiprocessing.get_context("spawn").Process(target=_run, args=(theirs, scene))

    async def open(self) -> Around:
        """Start it."""
        self._process.start()
        known: Around = await self._received()
        return known

    async def begin(self) -> None:
        """The warm-up is over: wait for its answers, and count from here."""
        self._pipe.send("begin")
        await self._received()

    async def live(self) -> int:
        """How many answers are streamed now."""
        self._pipe.send("live")
        return int(await self._received())

    async def seen(self, seconds: float) -> Seen:
        """Once every answer is whole, or after so many seconds: what was seen."""
        self._pipe.send(seconds)
        seen: Seen = await self._received()
        return seen

    async def close(self) -> None:
        """End it."""
        self._pipe.send(None)
        await asyncio.to_thread(self._process.join)

    async def _received(self) -> Any:
        return await asyncio.to_thread(self._pipe.recv)


def _run(pipe: Connection, scene: Scene) -> None:
    logs.configure("error", "console")
    asyncio.run(_play(pipe, scene))


async def _play(pipe: Connection, scene: Scene) -> None:
    says = Chat(scene.seconds, scene.warm_up)
    async with FakeSlack() as slack, FakeChat(default=says.reply) as chat:
        slack.tiers.on = scene.tiers
        places = workspaces(slack, scene.workspaces, people=scene.people, channels=scene.channels)
        asked = questions(slack, places, scene.warm_up + scene.questions)
        pipe.send(around(slack, chat, places, (body for _, body in asked)))
        messages = [message for message, _ in asked]
        warm, messages = messages[: scene.warm_up], messages[scene.warm_up :]
        used = 0.0
        while (order := await asyncio.to_thread(pipe.recv)) is not None:
            if order == "begin":
                await _whole(slack, dict(enumerate(warm)), 60.0)
                slack.calls.clear()
                used, says.most_live = time.process_time(), 0
                pipe.send(None)
            elif order == "live":
                pipe.send(says.live)
            else:
                await _whole(slack, dict(enumerate(messages, scene.warm_up)), order)
                pipe.send(_seen(slack, says, messages, scene.warm_up, time.process_time() - used))
        slack.allows(*{each.code for each in slack.violations})
        chat.violations.clear()


async def _whole(slack: FakeSlack, pending: dict[int, Message], seconds: float) -> None:
    """Wait until each of these has its whole answer, but no longer than that."""
    end = time.monotonic() + seconds
    while pending and time.monotonic() < end:
        for number in [number for number, message in pending.items() if _is_whole(slack, message, number)]:
            del pending[number]
        await asyncio.sleep(_LOOK_SECONDS)
    await asyncio.sleep(_SETTLE_SECONDS)


def _is_whole(slack: FakeSlack, asked: Message, number: int) -> bool:
    posts = slack.thread(asked.channel, asked.ts)[1:]
    return any(
        post.body.startswith(answer(number)) and (post.stream is None or post.stream.state == "completed")
        for post in posts
    )


def _seen(slack: FakeSlack, chat: Chat, messages: list[Message], first: int, busy: float) -> Seen:
    numbers = {(message.channel.id, message.ts): number for number, message in enumerate(messages, first)}
    threads: dict[tuple[str, str], int] = {}  # posts of the bot → question
    for call in slack.calls:
        _stamp(call, numbers, threads, lambda number: chat.stamps.setdefault(number, Stamps()))
    for number, message in enumerate(messages, first):
        chat.stamps.setdefault(number, Stamps()).whole = _is_whole(slack, message, number)
    return Seen(
        tuple(chat.stamps[number] for number in range(first, first + len(messages))),
        dict(Counter(call.method for call in slack.calls)),
        sum(call.answer.get("error") == "ratelimited" for call in slack.calls),
        dict(Counter(each.code for each in slack.violations)),
        busy,
        chat.most_live,
    )


def _stamp(
    call: Call,
    numbers: dict[tuple[str, str], int],
    threads: dict[tuple[str, str], int],
    stamps: Callable[[int], Stamps],
) -> None:
    """What a call that changed a post says about its question."""
    channel, ts = call.arguments.get("channel"), call.answer.get("ts")
    if not call.ok or not isinstance(channel, str) or not isinstance(ts, str):
        return
    if (thread := (channel, str(call.arguments.get("thread_ts")))) in numbers:
        threads[channel, ts] = numbers[thread]
    if (channel, ts) not in threads:
        return
    stamped = stamps(threads[channel, ts])
    stamped.last_call = call.at
    if not stamped.first_text and _text(call.arguments).startswith("Answer"):
        stamped.first_text = call.at


def _text(arguments: dict[str, Any]) -> str:
    blocks = arguments.get("blocks") or []
    if isinstance(blocks, list) and (markdown := [each["text"] for each in blocks if each.get("type") == "markdown"]):
        return "".join(markdown)
    return str(arguments.get("markdown_text") or arguments.get("text") or "")
