"""One session of the console: where it is, which conversation it is about, and what is made of each line."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from bots.console import commands, place, recap
from bots.console.arrival import arrive
from bots.console.conversation import Conversation
from bots.console.desk import Desk
from bots.console.incoming import Incoming, Leave, Nothing, Unknown, read
from bots.console.lock import ThreadLocks
from bots.console.parts import Parts
from bots.console.prompt import LineInterruptError
from bots.errors import CommandError
from bots.signals import handled
from core import logs
from core.channels.grammar import Ask, Command, ThreadWord
from core.conversation.values import ChannelRef, Outcome, ThreadRef, Turn, WorkspaceRef
from core.errors import AskrepoError, DatabaseError, DeliveryError
from core.wording import sentence

log = logs.get(__name__)

_LAST_WORDS_SECONDS = 1.0  # where nobody reads them, they must not keep the console from ending


@dataclass(frozen=True, slots=True)
class Options:
    """What the session was started with."""

    here: WorkspaceRef
    user: str
    folder: Path  # where it was started
    repo: str | None = None
    resume: bool = False
    ask: str | None = None


class Session:
    """One run of `askrepo console`."""

    def __init__(self, parts: Parts, options: Options, desk: Desk, locks: ThreadLocks) -> None:
        self._parts = parts
        self._options = options
        self._desk = desk
        self._locks = locks
        self._ended = asyncio.Event()
        self._conversation: Conversation | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome | None] = []  # None: handed back without one
        self._failed = False
        self._interrupted = False
        self._heard = False  # there was something to do

    async def run(self) -> int:
        """Until the user leaves or the input ends. The exit code is 1 if a question was left without its outcome.

        Other than at a terminal it is 1 also if something failed, and after Ctrl-C: what was still to come never was.
        """
        handlers = {
            "SIGINT": self._interrupt,
            "SIGTERM": self._ended.set,
            "SIGHUP": self._ended.set,
            "SIGCONT": self._desk.forget,
        }
        with self._desk.quiet(), handled(handlers):
            try:
                return await self._run()
            except DeliveryError as error:
                log.warning("nobody reads any more", reason=str(error))
                return 1

    async def _run(self) -> int:
        options = self._options
        channel = await arrive(
            self._parts.mappings,
            self._parts.repositories,
            options.here,
            repo=options.repo,
            folder=options.folder,
            actor=options.user,
        )
        thread = await self._thread(channel)
        earlier, first = await self._begin(thread), options.ask
        resumed = bool(earlier)
        while True:
            following = await self._converse(thread, earlier, first)
            self._locks.release(thread)
            if following is None:
                break
            thread, earlier, first = following, [], None
        return await self._code(resumed=resumed)

    async def _code(self, *, resumed: bool) -> int:
        if None in self._outcomes:  # told to end before it was answered
            with contextlib.suppress(DeliveryError, TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._desk.remark(f"The question is kept; `{recap.RESUME}` goes on with it.")
        if self._desk.interactive:
            return 1 if None in self._outcomes else 0
        if not self._heard and not self._ended.is_set():
            if not self._options.resume:
                raise CommandError(
                    "There was nothing to ask: the input is no terminal and held no question. Try `--ask`."
                )
            if resumed and not self._outcomes:
                await self._desk.remark(commands.NOTHING_CUT_OFF)
        return 1 if self._interrupted or self._failed or set(self._outcomes) - {Outcome.ANSWERED} else 0

    async def _thread(self, channel: ChannelRef) -> ThreadRef:
        """The conversation to take part in, locked. Raises CommandError if another console has it."""
        waiting = await self._parts.threads.unfinished(channel)
        if not self._options.resume:
            return self._fresh(channel)
        newest = await self._parts.threads.newest(channel)
        for thread in waiting:
            if self._locks.take(thread):
                return thread
        if newest is None:
            await self._desk.remark("There is no earlier conversation here; a new one begins.")
            return self._fresh(channel)
        if not self._locks.take(newest):
            raise CommandError("This conversation is open in another terminal. Go on there, or leave it first.")
        return newest

    def _fresh(self, channel: ChannelRef) -> ThreadRef:
        thread = place.thread(channel, time.time_ns())
        if not self._locks.take(thread):
            raise CommandError("Two consoles began at the same instant. Please start this one again.")
        return thread

    async def _begin(self, thread: ThreadRef) -> list[Turn]:
        """Say where this is and what was before, and return that."""
        facts = await self._parts.mappings.facts(thread)
        name = facts.thread_repository or recap.repository(facts)
        service = self._parts.settings.chat_url or "this machine"
        await self._desk.print(recap.greeting(name, thread.channel.channel_id, service))
        asked = self._options.ask
        if name is None and asked is not None and not self._desk.interactive and isinstance(read(asked), Ask):
            raise CommandError(commands.NO_REPOSITORY_TO_ASK)  # nothing else is typed here that could map one
        if name is None:
            await self._desk.remark(commands.NO_REPOSITORY)
        if not self._options.resume:
            left = [each for each in await self._parts.threads.unfinished(thread.channel) if self._locks.free(each)]
            if left:
                await self._desk.remark(recap.unfinished(len(left)))
            return []
        await self._parts.leases.free_thread(thread)  # we hold its lock, so whoever answered it is dead
        turns = await self._parts.history.turns(thread)
        await self._desk.print(recap.earlier(turns, self._desk.mark))
        return turns

    async def _converse(self, thread: ThreadRef, earlier: Sequence[Turn], first: str | None) -> ThreadRef | None:
        """Take part in one conversation. Returns the one that follows it."""
        after = max((turn.question.order for turn in earlier), default=0)
        conversation = Conversation(
            self._parts, thread, self._desk.delivery, user=self._options.user, ended=self._ended, after=after
        )
        pending = [turn for turn in earlier if turn.outcome is None]
        self._conversation = conversation
        await self._echo(*(turn.question.text for turn in pending))
        async with conversation.running():
            if pending:
                self._outcomes += await conversation.finish(pending)
            if first is not None:
                await self._echo(first)
                await self._heed(conversation, read(first))
                if not self._desk.interactive:
                    return None
            return await self._talk(conversation)

    async def _talk(self, conversation: Conversation) -> ThreadRef | None:
        while not self._over() and (line := await self._line()) is not None:
            what = read(line)
            if isinstance(what, Leave):
                return None
            if what is ThreadWord.NEW:
                self._heard = True
                await self._desk.reply(commands.NEW)
                return self._fresh(conversation.thread.channel)
            await self._heed(conversation, what)
        return None

    def _over(self) -> bool:
        return self._ended.is_set() or self._desk.delivery.gone or (self._interrupted and not self._desk.interactive)

    async def _line(self) -> str | None:
        """The next line; None when the user leaves, the input ends or the console is told to end."""
        for warned in (False, True):
            await self._desk.print([Text("")])
            line, ended = asyncio.create_task(self._desk.source.line()), asyncio.create_task(self._ended.wait())
            try:
                await asyncio.wait({line, ended}, return_when=asyncio.FIRST_COMPLETED)
                return line.result() if line.done() else None
            except LineInterruptError:
                if not warned:
                    await self._desk.remark(commands.HOW_TO_LEAVE)
            finally:
                line.cancel()
                ended.cancel()
                await asyncio.gather(line, ended, return_exceptions=True)
        return None

    async def _heed(self, conversation: Conversation, what: Incoming) -> None:
        """Do what was meant. What fails is told; only a failing delivery is left to end the session."""
        if isinstance(what, Nothing | Leave):
            return
        self._heard = True
        try:
            if isinstance(what, Ask):
                self._outcomes.append(await conversation.ask(what.text))
            elif what is ThreadWord.RETRY:
                await self._retry(conversation)
            elif isinstance(what, Unknown):
                raise CommandError(commands.unknown(what.word))
            else:
                await self._desk.reply(await self._reply(conversation, what))
        except DeliveryError:
            raise
        except (AskrepoError, CommandError) as error:
            log.warning("not done", what=type(what).__name__, reason=str(error))
            self._failed = True
            await self._desk.say(sentence(error, operator=True) if isinstance(error, AskrepoError) else str(error))

    async def _retry(self, conversation: Conversation) -> None:
        turns = await conversation.turns()
        if not turns:
            await self._desk.reply(commands.NOTHING_ASKED)
            return
        await self._echo(turns[-1].question.text)
        self._outcomes.append(await conversation.ask(turns[-1].question.text))

    async def _reply(self, conversation: Conversation, what: Command | ThreadWord) -> str:
        if isinstance(what, ThreadWord):
            return commands.NOT_RUNNING
        return await commands.reply(self._parts, what, conversation.thread, self._options.user)

    async def _echo(self, *questions: str) -> None:
        for text in questions:
            await self._desk.print([Text(""), recap.question(text, self._desk.mark)])

    def _interrupt(self) -> None:
        """Ctrl-C: stop the answer. Where nobody sits there is nothing to come back to, so the session ends as well."""
        self._interrupted = True
        if self._conversation is not None and self._conversation.busy:
            task = asyncio.create_task(self._stop(self._conversation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif not self._desk.interactive:
            self._ended.set()

    async def _stop(self, conversation: Conversation) -> None:
        try:
            await conversation.interrupt()
        except DatabaseError as error:
            log.warning("not stopped", reason=str(error))
