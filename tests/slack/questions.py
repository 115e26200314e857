"""Questions that processes die of in Slack, one after another, and what people see of each in the end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from sqlalchemy import delete, select, update

from core.chat.client import ChatClient, Service
from core.cipher import Keyring
from core.conversation.threads import Threads
from core.conversation.values import Question
from core.database import Database
from core.relay.leases import MOST_FAILURES
from core.secret import Secret
from core.tables import AllowanceRow, TurnRow
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Message
from tests.relay.dying import Life, Loss, free, live, rescue, take_over
from tests.relay.house import Process, Step, SteppedDatabase
from tests.slack import house
from tests.slack.house import World
from tests.slack.stepping import Connected, SteppedChat
from tests.slack.ways import End, How, Speaker, asked, either, judge, ours, told_alone

_TELLING = ("after chat.postEphemeral", "after response")


class Questions:
    """One question after another, each in a workspace of its own and about a repository of its own."""

    def __init__(self, slack: FakeSlack, speaker: Speaker, url: str, database: Database, keyring: Keyring) -> None:
        self.slack = slack
        self.speaker = speaker
        self.way = speaker.way
        self._url = url
        self._database = database
        self._keyring = keyring
        self._number = 0
        self.world: World
        self.question: Question
        self.root: Message | None
        self.earlier: list[Message]  # what stands there already

    @property
    def _repository(self) -> str:
        return f"github.com/acme/code-{self._number}"

    async def next(self) -> None:
        """Somebody asks the next one."""
        self._number += 1
        how, text = self.way.how, f"question {self._number}?"
        self.slack.native_streaming = self.way.streaming
        self.world = self.speaker.begin(house.world(self.slack))
        async with self.process() as process:
            if self.way.end is not End.REFUSED:
                await process.map(self.world.place, self._repository)
            if how.is_reply:
                first, _ = await asked(self.world, How.MENTION, f"first question {self._number}?")
                if how is How.OVERTAKEN:
                    self.question, self.root = await asked(self.world, how, text)
                async with process.running():
                    assert await process.ask(first) == "answered"
        self.earlier = ours(self.world)
        if how is not How.OVERTAKEN:
            self.question, self.root = await asked(self.world, how, text)
        self.slack.allows_pings_of(self.world.alice)  # the post that shows the question of a command names its asker
        if how.is_reply:
            thread, user_id = self.question.thread, self.world.alice.id
            assert await Threads(self._database).is_for_us(thread, user_id, mentions_others=False)

    @asynccontextmanager
    async def process(self, step: Step | None = None, *, mortal: bool = False) -> AsyncIterator[Process]:
        """One with nothing in its memory. Its calls of Slack are steps; if it is mortal, all others too."""
        clock = count(1_000.0, 4.0).__next__  # a post of ours may be edited every three seconds: here at every look
        database = SteppedDatabase(Secret(self._url), step) if step and mortal else self._database
        slack = Connected(self.world, database, self._keyring, clock)
        url = self.speaker.chat.url
        client = SteppedChat(url, step) if step and mortal else ChatClient(Service(url))
        process = Process(database, self._keyring, slack, url, step=step, client=client)
        try:
            yield process
        finally:
            await process.client.aclose()
            await slack.close()

    async def begun(self) -> Callable[[Process], Coroutine[Any, Any, str]]:
        """What a process does with it: another may have died of it before."""
        if not self.way.inherited:
            return lambda process: process.ask(self.question)
        turn_id = await self._inherit()
        return lambda process: process.worker.outcome(turn_id)

    async def die(self, life: Life) -> None:
        """A process dies of it, or answers it if it lives that long."""
        act = await self.begun()
        self.speaker.over = life.dead
        async with self.process(life.step, mortal=True) as process:
            await live(life, process, lambda: act(process))

    async def lose(self, loss: Loss) -> None:
        """A process loses a call of Slack or its reply, and answers it all the same."""
        act = await self.begun()
        self.speaker.over = loss.struck
        if loss.at.startswith("before chat.stopStream"):
            self.slack.allows("streaming_state_conflict")  # whether the stream has ended, the next call finds out
        async with self.process(loss.step) as process, process.running():
            assert await act(process) == self.way.end.recorded

    async def _inherit(self) -> str:
        """A process dies of it when people see half of its answer; the turn's id."""
        life = Life(end=sys.maxsize)
        self.speaker.over = life.dead

        async def dies() -> None:
            await self.speaker.half_seen.wait()
            life.dead.set()

        async with self.process(life.step, mortal=True) as process:
            await live(life, process, lambda: either(process.ask(self.question), dies()))
        async with self.process() as rescuer:
            await self._later(rescuer)
            if self.way.end is End.GIVEN_UP:
                often = update(TurnRow).where(TurnRow.status == "waiting").values(failures=MOST_FAILURES)
                await self._database.write(lambda connection: connection.execute(often))
            async with self._database.reading() as connection:
                waiting = select(TurnRow.turn_id).where(TurnRow.status == "waiting")
                return (await connection.execute(waiting)).scalar_one()

    async def rescue(self) -> bool:
        """Another process takes over. False where nobody knows of the question: Slack repeats no command."""
        async with self.process() as rescuer:
            await self._later(rescuer)
            ends = {self.way.end.recorded}
            if self.way.how is not How.COMMAND:
                await rescue(rescuer, self.question, ends)
            elif self.question.message_id in await rescuer.records():
                await take_over(rescuer, self.question, ends)
            else:
                return False
        return True

    async def _later(self, rescuer: Process) -> None:
        """The lease of the dead has ended, and nobody has called Slack for a while."""
        await free(rescuer)
        await self._database.write(lambda connection: connection.execute(delete(AllowanceRow)))
        self.slack.advance(self.way.seconds)

    @property
    def unseen(self) -> bool:
        """Whether nothing of ours stands anywhere."""
        return ours(self.world) == []

    def check(self, after: Life | Loss) -> None:
        """People see its one outcome, and /chat was asked once more at most."""
        world, way = self.world, self.way
        requests = [each for each in self.speaker.chat.requests if each.questions == [self.question.text]]
        least, most = way.asks
        assert least <= len(requests) <= most
        assert {(each.repository, each.token) for each in requests} <= {(self._repository, "process-token-1234")}
        if way.end is End.REFUSED:
            assert self.unseen
            assert 1 <= len(told_alone(world)) <= 1 + _in_doubt(after)
            return
        if self.root is None:
            (self.root,) = [post for post in self.slack.posts(world.general) if post.thread_ts is None]
            assert self.question.text in self.root.shown
        judge(world, way, self.root, self.earlier, len(requests))


def _in_doubt(after: Life | Loss) -> bool:
    """Whether nobody could know that a notice was shown: what one person alone sees leaves no trace to be found."""
    if isinstance(after, Loss):
        return after.struck.is_set() and after.at.startswith(_TELLING)
    recorded = any(step.startswith("after write by Leases.finish") for step in after.taken)
    return any(step.startswith(_TELLING) for step in after.taken) and not recorded
