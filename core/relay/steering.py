"""Steers threads and turns by what people say and press: stop, retry, new, mute, unmute."""

from __future__ import annotations

import asyncio
from typing import Protocol

from core import wording
from core.channels.choosing import choose
from core.channels.grammar import ThreadWord
from core.channels.mappings import Mappings
from core.conversation.history import History
from core.conversation.threads import Place, Threads
from core.conversation.values import ChannelRef, ThreadRef
from core.errors import CipherError, LineFull, MappingError, TooManyAsked
from core.relay import acts
from core.relay.limits import Allowances
from core.relay.revisions import Revisions

NOTHING_RUNS = "Nothing is being answered here."
NOT_HERE = "That is not here any more."
NOT_AGAIN = "It is being answered already, or its question was deleted."
_STILL = "I am still answering here. Say `retry` again once I have finished."
_RECORDED_WITHIN = (0.05, 0.1, 0.2, 0.4)  # seconds: an answer can be seen a moment before it is recorded as ended
_MOST_OPEN = 1_000


class Stop(Protocol):
    """Stops what is answered in a thread, or this turn alone. Whether anything was there to stop.

    Only what was asked `before` the word of that order: the word may be delivered again, behind later questions.
    """

    async def __call__(self, thread: ThreadRef, turn_id: str | None = None, /, *, before: int | None = None) -> bool:
        """Raises DatabaseError."""
        ...


class Steering:
    """Carries out what steers a thread. Every method raises DatabaseError: then it was not."""

    def __init__(
        self,
        threads: Threads,
        history: History,
        mappings: Mappings,
        revisions: Revisions,
        stop: Stop,
        allowances: Allowances,
    ) -> None:
        self._threads = threads
        self._history = history
        self._mappings = mappings
        self._revisions = revisions
        self._stop = stop
        self._allowances = allowances

    async def steered(self, thread: ThreadRef, word: ThreadWord, order: int, by: str) -> str:
        """Do it; what is to be said about it, "" for nothing. `order` is that of the message in which `by` said it."""
        match word:
            case ThreadWord.STOP:
                return "" if await self._stop(thread, before=order) else NOTHING_RUNS
            case ThreadWord.RETRY:
                return await self._retried(thread, by)
            case ThreadWord.NEW:
                await self._history.start_anew(thread, order)
                return "Starting afresh: what was said here before no longer counts."
            case ThreadWord.MUTE:
                await self._threads.mute(thread)
                return "I answer only when I am mentioned here. `unmute` changes that."
            case ThreadWord.UNMUTE:
                await self._threads.unmute(thread)
                return "I answer replies in this thread again."

    async def _retried(self, thread: ThreadRef, by: str) -> str:
        """Have the thread's newest answer given anew: not an older one, while the newest is under way."""
        for seconds in (*_RECORDED_WITHIN, None):
            if thread not in await self._threads.unfinished(thread.channel, most=_MOST_OPEN):
                break
            if seconds is None:
                return _STILL
            await asyncio.sleep(seconds)
        turn_id = await self._revisions.newest_ended(thread)
        nothing = "There is nothing here to answer again."
        return nothing if turn_id is None else await self._again(thread, turn_id, nothing, by)

    async def _again(self, thread: ThreadRef, turn_id: str, otherwise: str, by: str) -> str:
        workspace = thread.channel.workspace
        led_by = await self._revisions.leading(workspace, turn_id)
        try:
            await self._choose(thread, led_by)
            await acts.count(self._allowances, workspace, by)
            return "" if await self._revisions.again(workspace, led_by) else otherwise
        except (LineFull, MappingError, TooManyAsked, CipherError) as error:
            return wording.sentence(error)

    async def _choose(self, thread: ThreadRef, turn_id: str) -> None:
        """Raise MappingError where an answer would give way to a refusal that its asker alone is told."""
        text = await self._history.answered(thread.channel.workspace, turn_id)
        if text is not None:
            choose(await self._mappings.facts(thread), text)

    async def stop(self, thread: ThreadRef, turn_id: str | None = None) -> bool:
        """Stop what is answered in a thread, or this turn alone. Whether anything was there to stop."""
        return await self._stop(thread, turn_id)

    async def stop_turn(self, channel: ChannelRef, turn_id: str) -> str:
        """Stop the answer to a turn of this channel; what is to be said about it, "" for nothing."""
        place = await self.place(channel, turn_id)
        if place is None or not place.is_open:
            return NOTHING_RUNS
        return "" if await self._stop(place.thread, turn_id) else NOTHING_RUNS

    async def place(self, channel: ChannelRef, turn_id: str) -> Place | None:
        """Where a turn stands, if it belongs to this channel: what a button names may be old, or made up."""
        if not turn_id.isalnum():
            return None
        place = await self._threads.of_turn(channel.workspace, turn_id)
        return place if place is not None and place.thread.channel == channel else None

    async def again(self, channel: ChannelRef, turn_id: str, by: str) -> str:
        """Have a question of this channel answered once more, for `by`; what is to be said about it, "" for nothing."""
        place = await self.place(channel, turn_id)
        return NOT_HERE if place is None else await self._again(place.thread, turn_id, NOT_AGAIN, by)
