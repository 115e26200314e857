"""What people say in Slack, carried out: questions, words that steer a thread, edits, deletions.

Everything here is done before Slack is acknowledged, but for a word whose author Slack is slow to tell of; what is only
said in reply goes out afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bots.heard import Heard
from bots.parts import Parts
from bots.slack.fields import order
from bots.slack.incoming import Asked, Bare, Deleted, Edited, Worded
from bots.slack.installed import Installed
from bots.slack.interactions import Commanded
from bots.slack.lifecycle import SessionStopped
from bots.slack.privately import Somebody
from bots.slack.reference import Reference
from bots.slack.replying import Replying
from bots.slack.rights import Doorman
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.grammar import gives_token
from core.conversation.values import UNSAID, Asker, Notice, Question, ThreadRef
from core.relay.revisions import ANSWERED_BEFORE, Revised
from core.relay.steering import Steering
from core.wording import sentence

# what was no question for so long, or is forgotten since, is not asked by an edit; nor is a post delivered so late
_LATE = timedelta(hours=1)

log = logs.get(__name__)


class Asking:
    """Carries out what was said. Raises DatabaseError: then it was not, and Slack is to send it again."""

    def __init__(self, parts: Parts, replying: Replying, steering: Steering, doorman: Doorman, tasks: Tasks) -> None:
        self._parts = parts
        self._replying = replying
        self._steering = steering
        self._doorman = doorman
        self._tasks = tasks
        self._heard = Heard()

    async def asked(self, asked: Asked, *, last: bool = False) -> bool:
        """Accept a question; a reply nobody addressed to us only where the thread's rule says that it is for us.

        Whether it is. `last`: Slack sends it no more.
        """
        question = asked.question
        if not asked.mentioned and not asked.direct:
            user_id, others = question.asker.user_id, asked.mentions_others
            if not await self._parts.threads.is_for_us(question.thread, user_id, mentions_others=others):
                return False
        if gives_token(question.text):
            self._turned_away(asked.installed, question)
        else:
            await self._parts.intake.accept(question, last=last)
        return True

    def _turned_away(self, installed: Installed, question: Question) -> None:
        """Somebody's token stands in it: nothing of it is stored or sent on, and they are told so once."""
        with self._heard.first(question.thread.channel, question.message_id) as first:
            if first:
                notice = Notice(replies.question_with_token())
                self._replying.soon(installed, question.thread, question.asker, notice, at=question.message_id)

    async def commanded(self, command: Commanded, text: str) -> None:
        """Accept a question that came by a command: it is shown in the channel, and answered in that post's thread."""
        message_id = f"{UNSAID}{command.trigger_id or uuid4().hex}"
        thread = ThreadRef(command.channel, message_id)
        await self.unsaid(thread, message_id, command.asker, text, command.reference.encode())

    async def unsaid(self, thread: ThreadRef, message_id: str, asker: Asker, text: str, reference: str) -> None:
        """Accept a question that has no post of its own."""
        now = self._replying.now()
        at = int(now.timestamp() * 1_000_000)
        question = Question(thread, message_id, at, asker, text, now, reference)
        await self._parts.intake.accept(question, last=True)  # a command is sent once

    async def bare(self, bare: Bare) -> None:
        """Somebody called and said nothing: help is better than silence."""
        with self._heard.first(bare.thread.channel, bare.message_id) as first:
            if first:
                self._replying.soon(
                    bare.installed, bare.thread, bare.asker, Notice(replies.HELP_IN_CHATS), at=bare.message_id
                )

    async def worded(self, worded: Worded) -> None:
        """Steer the thread, once for each post; where Slack is slow to tell who said it, that goes on afterwards."""
        with self._heard.first(worded.thread.channel, worded.message_id) as first:
            if first:
                # begun at least: what is said next in the thread is meant to be heard after the word
                await self._tasks.attempt(self._steered(worded))

    async def _steered(self, worded: Worded) -> None:
        """Steer, if they may: who may not ask may not have others' answers changed."""
        somebody = Somebody(worded.installed, worded.asker.user_id, worded.thread.channel)
        refusal = await self._doorman.admitted(somebody, worded.reference)
        if refusal is not None:
            said = sentence(refusal)
        else:
            said = await self._steering.steered(worded.thread, worded.word, worded.order, somebody.user_id)
        if said:
            self._replying.soon(worded.installed, worded.thread, worded.asker, Notice(said), at=worded.message_id)

    async def edited(self, edited: Edited, *, last: bool = False) -> None:
        """A question was edited: it is answered as it is now, or can be asked again. A mention that was added asks.

        So does a call that was no question until now, or whose event is still to be sent again.
        """
        question = edited.question
        if not question.text:
            return
        if gives_token(question.text):
            channel, message_id = question.thread.channel, question.message_id
            if edited.mentioned or await self._parts.revisions.known(channel, (message_id,)):
                self._turned_away(edited.installed, question)
            return
        revised, turn_id = await self._parts.revisions.revise(question)
        if revised is Revised.ANSWERED:
            self._replying.soon(
                edited.installed,
                question.thread,
                question.asker,
                ANSWERED_BEFORE,
                at=question.message_id,
                turn_id=turn_id,
            )
        elif revised is Revised.UNKNOWN and edited.mentioned:
            now = self._replying.now()  # it is asked now, not when it said something else
            if edited.was_mentioned is False or now - question.asked_at < _LATE:
                await self._parts.intake.accept(replace(question, asked_at=now), last=last)

    async def deleted(self, deleted: Deleted, asked: Asked | None) -> None:
        """A question was deleted, or what shows it: it is not answered any more, and its text is forgotten.

        So is what was read of the post for later questions. `asked`: what it had asked, which may be delivered yet.
        """
        channel, message_id, revisions = deleted.channel, deleted.message_id, self._parts.revisions
        if asked is not None and await self._may_come(asked):
            await revisions.forestall(asked.question)
        await revisions.erase(channel, message_id, deleted.within)
        await revisions.forget_around(channel, {deleted.within or message_id}, order(message_id))

    async def _may_come(self, asked: Asked) -> bool:
        """Whether the question would be accepted, should Slack deliver it now."""
        question = asked.question
        at = max(question.asked_at, datetime.fromtimestamp(question.edited / 1_000_000, UTC))
        if self._replying.now() - at > _LATE:
            return False
        ours = asked.mentioned or asked.direct
        return ours or await self._parts.threads.standing(question.thread, question.asker.user_id) is not None

    async def stopped(self, stopped: SessionStopped) -> None:
        """Somebody pressed Slack's own stop button: what was written there stops, not what is written there by now."""
        turns: Sequence[str | None] = (None,)
        if stopped.streaming:
            turns = await self._parts.threads.shown_in(stopped.thread, stopped.streaming)
        if turns:
            await self._tasks.attempt(self._stopped(stopped, turns))

    async def _stopped(self, stopped: SessionStopped, turns: Sequence[str | None]) -> None:
        """Stop these turns, if they may; all that is answered there, where none is named."""
        somebody = Somebody(stopped.installed, stopped.asker.user_id, stopped.thread.channel)
        refusal = await self._doorman.admitted(somebody, Reference())
        if refusal is not None:
            self._replying.soon(stopped.installed, stopped.thread, stopped.asker, Notice(sentence(refusal)))
            return
        for turn_id in turns:
            await self._steering.stop(stopped.thread, turn_id)
