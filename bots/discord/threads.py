"""Where an answer goes: to the place of the question, or to a thread that is opened from it."""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator

from bots.discord.failures import (
    BLOCKED,
    HAS_THREAD,
    INVALID_BODY,
    TITLE_BLOCKED,
    UNKNOWN_MESSAGE,
    Barred,
    DiscordRefused,
)
from bots.discord.people import People
from bots.discord.permissions import (
    CREATE_PUBLIC_THREADS,
    NAMES,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
)
from bots.discord.reference import decode
from bots.discord.rest import Rest
from core.conversation.values import Question, ThreadRef
from core.errors import DeliveryUncertain, Gone, PlaceGone
from core.invisible import without_unseen

_LONGEST_NAME = 100
_SHORTEST_CUT = 60  # a name is cut between words, unless it would get shorter than this
_UNNAMED = "Question"
# Servers in Server Discovery take some words in no name, and AutoMod what it is told; neither says which beforehand
_NAME_REFUSED = frozenset({INVALID_BODY, BLOCKED, TITLE_BLOCKED})
_ARCHIVED_AFTER_MINUTES = 1440
_REMEMBERED = 10_000
_TO_OPEN = (READ_MESSAGE_HISTORY, SEND_MESSAGES_IN_THREADS, CREATE_PUBLIC_THREADS)
_MENTION = re.compile(r"<(?:@[!&]?|#|a?:\w+:|t:|/[^>]*:)[^<>]*>|@(?=everyone|here)")
_MARKUP = re.compile(r"[*_`~|\\]+|^\s*(?:>>>|>|#{1,3}|-#|[-*+]|\d+[.)])\s+", re.MULTILINE)


class Threads:
    """Opens threads, and says why one cannot be written to. Raises what Rest raises."""

    def __init__(self, rest: Rest, people: People) -> None:
        self._rest = rest
        self._people = people
        self._opened: OrderedDict[ThreadRef, None] = OrderedDict()
        self._unnamed: OrderedDict[ThreadRef, None] = OrderedDict()  # whose names were refused

    async def opened(self, question: Question, caller: str) -> str:
        """The id of the channel that the answer is written to; it is there now."""
        if not is_here(question) and question.thread not in self._opened:
            try:
                await self._open(question, caller)
            except DeliveryUncertain:
                await self._open(question, caller)  # a message has one thread at most
            _remember(self._opened, question.thread)
        return question.thread.thread_id

    @contextlib.asynccontextmanager
    async def named(self, question: Question, *needed: int) -> AsyncIterator[None]:
        """Where what is done here is refused for want of a permission, PlaceGone names the one that is missing."""
        try:
            yield
        except Barred as error:
            if error.gone is not Gone.PERMISSION or decode(question.reference).direct:
                raise
            lacking = await self._people.lacking(question.thread.channel, needed)
            raise PlaceGone(str(error), gone=error.gone, permission=lacking or NAMES[needed[-1]]) from None

    def writing(self, question: Question) -> int:
        """The permission that writing an answer needs."""
        thread = question.thread
        within = thread.thread_id != thread.channel.channel_id
        return SEND_MESSAGES_IN_THREADS if within else SEND_MESSAGES

    async def _open(self, question: Question, caller: str) -> None:
        async with self.named(question, *_TO_OPEN):
            try:
                await self._opened_as(name(question.text), question, caller)
            except DiscordRefused as error:
                if error.code == UNKNOWN_MESSAGE:
                    raise PlaceGone("the question is gone", gone=Gone.DELETED) from None
                if error.code != HAS_THREAD:
                    raise

    async def _opened_as(self, called: str, question: Question, caller: str) -> None:
        """Open it by this name, or by none of its own where that is refused."""
        thread = question.thread
        try:
            await self._rest.call(
                "POST",
                "/channels/{channel_id}/messages/{message_id}/threads",
                caller=caller,
                body={
                    "name": _UNNAMED if thread in self._unnamed else called,
                    "auto_archive_duration": _ARCHIVED_AFTER_MINUTES,
                },
                channel_id=thread.channel.channel_id,
                message_id=thread.thread_id,
            )
        except DiscordRefused as error:
            if error.code not in _NAME_REFUSED or thread in self._unnamed:
                raise
            _remember(self._unnamed, thread)
            await self._opened_as(called, question, caller)


def _remember(threads: OrderedDict[ThreadRef, None], thread: ThreadRef) -> None:
    threads[thread] = None
    if len(threads) > _REMEMBERED:
        threads.popitem(last=False)


def is_here(question: Question) -> bool:
    """Whether the conversation is where the question stands, so that no thread is to be opened."""
    reference = decode(question.reference)
    return reference.in_thread or reference.direct


def begins(question: Question) -> bool:
    """Whether the question has no post yet, and its thread is to begin with the one that shows it."""
    return question.unsaid and question.thread.thread_id == question.message_id


def name(asked: str) -> str:
    """What a thread about this is called: its words on one line, without mentions and markup, never empty."""
    words = " ".join(without_unseen(_MARKUP.sub("", _MENTION.sub("", asked))).split())
    if len(words) > _LONGEST_NAME:
        cut = words[: _LONGEST_NAME - 1]
        words = f"{(cut[: cut.rfind(' ')] if cut.rfind(' ') >= _SHORTEST_CUT else cut).rstrip()}…"
    return words or _UNNAMED
