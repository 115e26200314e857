"""What people say in Discord, carried out: questions, words that steer a thread, edits, deletions."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bots.discord.fields import moment
from bots.discord.incoming import Asked, Bare, Edited, Worded
from bots.discord.native import usage
from bots.discord.reference import Reference
from bots.heard import Heard
from bots.parts import Parts
from bots.tasks import Tasks
from core.channels import replies
from core.channels.grammar import gives_token
from core.conversation.values import Asker, ChannelRef, Notice, Question, ThreadRef
from core.relay.revisions import ANSWERED_BEFORE, Revised
from core.relay.steering import Steering

_LATE = timedelta(hours=1)  # after that, nobody who adds a mention to a post waits for an answer there

Tell = Callable[[Question, str, Notice], Coroutine[Any, Any, None]]  # shows a notice about a question, of this turn


class Asking:
    """Carries out what was said. Raises DatabaseError: then it was not, and may be tried again.

    `tell` says something about a question to whoever asked; it goes on by itself, since nothing depends on it.
    """

    def __init__(
        self,
        parts: Parts,
        steering: Steering,
        tell: Tell,
        tasks: Tasks,
        *,
        reads_all: bool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._parts = parts
        self._steering = steering
        self._tell = tell
        self._tasks = tasks
        self._usage = usage(reads_all=reads_all)
        self._now = now
        self._heard = Heard()

    async def asked(self, asked: Asked) -> None:
        """Accept a question; a post that nobody addressed to us only where the thread's rule says that it is for us."""
        question = asked.question
        if not asked.mentioned and not asked.direct:
            user_id, others = question.asker.user_id, asked.mentions_others
            if not await self._parts.threads.is_for_us(question.thread, user_id, mentions_others=others):
                return
        if gives_token(question.text):  # nothing of it is stored or sent on
            self.said(question, replies.question_with_token())
        else:
            await self._parts.intake.accept(question)

    async def unsaid(
        self, thread: ThreadRef, message_id: str, order: int, asker: Asker, text: str, reference: Reference
    ) -> None:
        """Accept a question that has no post of its own; `order` is the id of the interaction it came by."""
        at = moment(str(order))
        await self._parts.intake.accept(Question(thread, message_id, order, asker, text, at, reference.encode()))

    async def bare(self, bare: Bare) -> None:
        """Somebody called and said nothing: help is better than silence."""
        self.said(bare.question, self._usage)

    def said(self, question: Question, words: str) -> None:
        """Say something about a post, once."""
        with self._heard.first(question.thread.channel, question.message_id) as first:
            if first:
                self._tasks.start(self._tell(question, "", Notice(words)))

    async def worded(self, worded: Worded) -> None:
        """Steer the thread, once for each post."""
        question = worded.question
        with self._heard.first(question.thread.channel, question.message_id) as first:
            if first:
                by = question.asker.user_id
                said = await self._steering.steered(worded.thread, worded.word, question.order, by)
                if said:
                    self._tasks.start(self._tell(question, "", Notice(said)))

    async def edited(self, edited: Edited) -> None:
        """A question was edited: it is answered as it is now, or can be asked again. A mention that was added asks."""
        question = edited.question
        if not question.text:
            return
        if gives_token(question.text):
            channel, message_id = question.thread.channel, question.message_id
            if edited.mentioned or await self._parts.revisions.known(channel, (message_id,)):
                self.said(question, replies.question_with_token())
            return
        revised, turn_id = await self._parts.revisions.revise(question)
        if revised is Revised.ANSWERED:
            # what came of an edit is found once, and the next one may come to the same
            self._tasks.start(self._tell(replace(question, occasion=uuid4().hex), turn_id, ANSWERED_BEFORE))
        elif revised is Revised.UNKNOWN and edited.mentioned and self._now() - question.asked_at < _LATE:
            await self._parts.intake.accept(replace(question, asked_at=self._now()))  # not when it said something else

    async def deleted(self, channel: ChannelRef, message_ids: Sequence[str], within: str | None = None) -> None:
        """Posts were deleted, in the thread `within` or else in the channel itself.

        Questions among them, and those that a post of ours had shown, are not answered any more, and forgotten. So is
        what was read of the posts for later questions.
        """
        revisions = self._parts.revisions
        for message_id in await revisions.known(channel, message_ids, within):
            await revisions.erase(channel, message_id, within)
        threads = {*message_ids, within or ""}  # a thread has the id of the post it was opened from
        await revisions.forget_around(channel, threads, min(map(int, message_ids)))
