"""People of many workspaces with equal ids, who ask, change their minds, and manage what channels are bound to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from core.channels.grammar import ThreadWord
from core.conversation.threads import Threads
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef
from core.errors import AskrepoError, DatabaseError
from core.relay.limits import Uncounted
from core.relay.revisions import Revised
from core.relay.steering import Steering
from core.secret import Secret
from tests.channels.places import confirmed
from tests.proof.faults import Killed
from tests.proof.history import Acked, Asked, Key, Overtaken
from tests.proof.rims import World
from tests.relay.house import Process

Done = TypeVar("Done")

CHANNELS = ("C0", "C1", "C2")  # of each workspace
REPOSITORIES = 3  # of a workspace
_FOLLOW_UPS = 0.35  # of the questions: in a thread that has been asked in lately
_LATELY = 150  # threads
_DELIVERIES = 12  # after which a platform gives up on an event that nobody acknowledges
_PEOPLE = 5  # of a workspace
_EDITED, _DELETED, _STOPPED, _AGAIN, _RETRIED, _ANEW, _MANAGED = 0.10, 0.03, 0.04, 0.05, 0.03, 0.02, 0.08
_OVERTAKEN = 0.02  # of the questions are deleted, and that is delivered before they are
_LATER_WORDS = 10_000_000  # the words of edits begin here


def repository(workspace: int, number: int) -> str:
    """The name of one repository."""
    return f"github.com/o/repository-{workspace}-{number}"


def secret(label: str) -> str:
    """The token with this label."""
    return f"token-of-{label}-{'x' * 8}"


class People:
    """Everybody. `alive` are the processes that the platform's events can be delivered to.

    Without `changing` they only ask.
    """

    def __init__(self, world: World, alive: Sequence[Process], workspaces: int, *, changing: bool = True) -> None:
        self._world = world
        self._dice = world.faults.dice
        self._alive = alive
        self._workspaces = workspaces
        self._changing = changing
        self._orders: Counter[ThreadRef] = Counter()
        self._lately: list[ThreadRef] = []
        self._reworded = 0
        self._tokens = 0
        self._busy: set[asyncio.Task[None]] = set()

    def ask(self, number: int) -> None:
        """Somebody asks, and may change their mind about it; somebody else may manage that channel meanwhile."""
        question = self._question(number)
        self._soon(self._happens(question))
        if self._changing and self._dice.random() < _MANAGED:
            self._soon(self._managed(question.thread.channel))

    async def content(self) -> None:
        """Wait until everybody has done what they wanted to do."""
        while self._busy:
            await asyncio.wait(self._busy)

    def _soon(self, doing: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(doing)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _question(self, number: int) -> Question:
        dice, loop = self._dice, self._world.loop
        if self._lately and dice.random() < _FOLLOW_UPS:
            thread = dice.choice(self._lately)
        else:
            channel = ChannelRef("slack", f"T{dice.randrange(self._workspaces)}", dice.choice(CHANNELS))
            thread = ThreadRef(channel, f"{number // self._workspaces}.0")
            self._lately = [*self._lately[-_LATELY:], thread]
        order = self._order(thread)
        key, word = Key(thread, f"{thread.thread_id}:{order}"), f"word-{number}"
        self._word(key, word)
        self._world.history.events.append(Asked(loop.time(), key, order, word))
        asked_at = datetime.fromtimestamp(loop.wall(), UTC)
        asker = Asker(f"U{dice.randrange(_PEOPLE)}")
        return Question(thread, key.message_id, order, asker, f"What of {word}?", asked_at)

    def _order(self, thread: ThreadRef) -> int:
        self._orders[thread] += 1
        return self._orders[thread]

    def _word(self, key: Key, word: str) -> None:
        self._world.keys[word] = key
        self._world.words.setdefault(key, []).append(word)

    async def _happens(self, question: Question) -> None:
        if self._changing and self._dice.random() < _OVERTAKEN:
            await self._is_overtaken(question)
        if not await self._asked(question) or not self._changing:
            return
        dice = self._dice
        if dice.random() < _EDITED:
            await self._edits(question)
        if dice.random() < _DELETED:
            await self._pause(20)
            await self._surely(lambda each: each.revisions.erase(question.thread.channel, question.message_id))
        if dice.random() < _STOPPED:
            await self._pause(15)
            if dice.random() < 0.5:
                await self._once(lambda each: each.worker.stop(question.thread))
            else:
                await self._says(question.thread, ThreadWord.STOP, 0)
        if dice.random() < _RETRIED:
            await self._says(question.thread, ThreadWord.RETRY, 60)
        if dice.random() < _ANEW:
            await self._says(question.thread, ThreadWord.NEW, 60)
        if dice.random() < _AGAIN:
            await self._presses(question.thread)

    async def _is_overtaken(self, question: Question) -> None:
        """Its author deletes it, and the platform could not deliver it before."""
        if await self._surely(lambda each: gone(each, question)):
            key = Key(question.thread, question.message_id)
            self._world.history.events.append(Overtaken(self._world.loop.time(), key))

    async def _asked(self, question: Question) -> bool:
        """The platform delivers an event to some process until one acknowledges it, and sometimes once more."""
        key, acknowledged = Key(question.thread, question.message_id), False
        for number in range(_DELIVERIES):
            if await self._tried(lambda each: each.intake.accept(question)) is not None:
                self._world.history.events.append(Acked(self._world.loop.time(), key))
                acknowledged = True
                if not self._world.faults.falls("again"):
                    break
            await self._pause(5 * (number + 1))
        return acknowledged

    async def _edits(self, question: Question) -> None:
        """Once or twice; the first edit may be delivered again behind the second."""
        key, edits = Key(question.thread, question.message_id), list[Question]()
        for number in range(1, 1 + self._dice.choice((1, 1, 2))):
            await self._pause(20)
            self._reworded += 1
            word = f"word-{_LATER_WORDS + self._reworded}"
            self._word(key, word)
            edits.append(replace(question, text=f"What of {word}, then?", edited=number))
            revised = await self._surely(lambda each: each.revisions.revise(edits[-1]))
            if revised is None or revised[0] is Revised.UNKNOWN:
                return
            if revised[0] is Revised.ANSWERED and self._dice.random() < 0.5:
                turn_id = revised[1]
                await self._once(lambda each: steering(each).again(question.thread.channel, turn_id, "U1"))  # noqa: B023
        if len(edits) > 1 and self._dice.random() < 0.5:
            await self._pause(20)
            await self._surely(lambda each: each.revisions.revise(edits[0]))

    async def _says(self, thread: ThreadRef, word: ThreadWord, within: float) -> None:
        """It may be delivered again, behind what comes after it."""
        await self._pause(within)
        order = self._order(thread)
        await self._once(lambda each: steering(each).steered(thread, word, order, "U1"))
        if self._dice.random() < 0.3:
            await self._pause(60)
            await self._once(lambda each: steering(each).steered(thread, word, order, "U1"))

    async def _presses(self, thread: ThreadRef) -> None:
        """Somebody wants an answer that they can see once more."""
        await self._pause(90)
        shown = [each.turn_id for each in self._world.posts[thread].values() if each.footer is not None]
        if shown:
            turn_id = self._dice.choice(shown)
            await self._once(lambda each: steering(each).again(thread.channel, turn_id, "U1"))

    async def _managed(self, channel: ChannelRef) -> None:
        """An admin changes what is bound to the channel, sometimes only for a while."""
        await self._pause(15)
        number = int(channel.workspace_id[1:])
        one = repository(number, self._dice.randrange(REPOSITORIES))
        kind = self._dice.randrange(6)
        if kind == 0:
            await self._once(lambda each: each.mappings.map(channel, one, actor="U0"))
        elif kind == 1:
            await self._once(lambda each: each.mappings.unmap(channel, one, actor="U0"))
            await self._pause(20)
            await self._surely(lambda each: each.mappings.map(channel, one, actor="U0"))
        elif kind == 2:
            label, token = self._token()
            await self._once(lambda each: each.tokens.save_for_mapping(channel, one, token, label=label, actor="U0"))
        elif kind == 3:
            label, token = self._token()
            await self._once(
                lambda each: each.tokens.save_for_workspace(channel.workspace, token, label=label, actor="U0")
            )
        elif kind == 4:
            await self._removes_token(channel)
        else:
            await self._once(lambda each: each.mappings.suspend(channel, actor="askrepo", widened=True))
            await self._pause(20)
            await self._surely(lambda each: confirmed(each.mappings, channel, actor="U0"))

    async def _removes_token(self, channel: ChannelRef) -> None:
        tokens = await self._once(lambda each: each.tokens.list(channel.workspace))
        if tokens:
            token_id = self._dice.choice(tokens).token_id
            await self._once(lambda each: each.tokens.remove(channel.workspace, token_id, actor="U0"))

    def _token(self) -> tuple[str, Secret]:
        self._tokens += 1
        label = f"later-{self._tokens}"
        self._world.secrets[label] = secret(label)
        return label, Secret(secret(label))

    async def _surely(self, act: Callable[[Process], Awaitable[Done]]) -> Done | None:
        """Until some process has done it: what comes without an acknowledgement comes again."""
        for number in range(3 * _DELIVERIES):
            done = await self._tried(act)
            if done is not None:
                return done
            await self._pause(min(20, 2 * (number + 1)))
        return None

    async def _once(self, act: Callable[[Process], Awaitable[Done]]) -> Done | None:
        """Or once more: who sees nothing happen presses again."""
        return await self._tried(act) or await self._tried(act)

    async def _tried(self, act: Callable[[Process], Awaitable[Done]]) -> Done | None:
        if not self._alive:
            return None
        process = self._dice.choice(self._alive)
        try:
            return await asyncio.wait_for(act(process), 3)
        except (DatabaseError, TimeoutError, Killed):
            return None
        except AskrepoError:
            return None  # it cannot be done, as things are: nothing is mapped there, say

    async def _pause(self, most: float) -> None:
        await asyncio.sleep(self._world.faults.seconds(0, most))


async def gone(process: Process, question: Question) -> bool:
    """A platform tells of a deletion."""
    await process.revisions.forestall(question)
    return await process.revisions.erase(question.thread.channel, question.message_id) is not None


def steering(process: Process) -> Steering:
    """What carries out words and buttons in a process."""
    threads = Threads(process.database)
    return Steering(threads, process.history, process.mappings, process.revisions, process.worker.stop, Uncounted())
