"""What people say in Slack, carried out: questions, words that steer a thread, edits, deletions.

Everything here is done before Slack is acknowledged; what is only said in reply goes out afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from uuid import uuid4

from bots.slack.incoming import Asked, Bare, Deleted, Edited, Worded
from bots.slack.interactions import Commanded
from bots.slack.parts import Parts
from bots.slack.replying import Replying
from core import logs, wording
from core.channels import access, replies
from core.channels.access import Audience, Standing
from core.channels.grammar import ThreadWord
from core.conversation import followup
from core.conversation.followup import Reply
from core.conversation.values import UNSAID, Asker, ChannelRef, Notice, Offer, Question, ThreadRef
from core.errors import AccessUnknown
from core.relay.revisions import Revised

_HEARD = 10_000  # posts that are remembered
_RECORDED_WITHIN = (0.05, 0.1, 0.2, 0.4)  # seconds: an answer can be seen a moment before it is recorded as ended
_STILL = "I am still answering here. Say `retry` again once I have finished."
_MOST_OPEN = 1_000

log = logs.get(__name__)


class _Heard:
    """The posts acted on by this process. One that mentions the bot arrives as two events, and each perhaps again."""

    def __init__(self) -> None:
        self._posts: OrderedDict[tuple[ChannelRef, str], None] = OrderedDict()

    @contextlib.contextmanager
    def first(self, channel: ChannelRef, message_id: str) -> Iterator[bool]:
        """Whether this post is new; one whose handling fails counts as not heard."""
        post = (channel, message_id)
        if post in self._posts:
            yield False
            return
        self._posts[post] = None
        if len(self._posts) > _HEARD:
            self._posts.popitem(last=False)
        try:
            yield True
        except BaseException:
            self._posts.pop(post, None)
            raise


class Asking:
    """Carries out what was said. Raises DatabaseError: then it was not, and Slack is to send it again."""

    def __init__(self, parts: Parts, replying: Replying) -> None:
        self._parts = parts
        self._replying = replying
        self._heard = _Heard()

    async def asked(self, asked: Asked) -> None:
        """Accept a question; a reply nobody addressed to us only where the thread's rule says that it is for us."""
        question = asked.question
        if not asked.mentioned and not asked.direct and not await self._is_for_us(asked):
            return
        await self._parts.intake.accept(question)

    async def _is_for_us(self, asked: Asked) -> bool:
        thread = asked.question.thread
        facts = await self._parts.threads.standing(thread, asked.question.asker.user_id)
        reply = followup.decide(facts, mentions_others=asked.mentions_others, direct=False)
        if reply is Reply.IGNORE_AND_CROWD:
            await self._parts.threads.crowd(thread)
        return reply is Reply.ANSWER

    async def commanded(self, command: Commanded, text: str) -> None:
        """Accept a question that came by a command: it is shown in the channel, and answered in that post's thread."""
        message_id = f"{UNSAID}{command.trigger_id or uuid4().hex}"
        thread = ThreadRef(command.channel, message_id)
        await self.unsaid(thread, message_id, command.asker, text, command.reference.encode())

    async def unsaid(self, thread: ThreadRef, message_id: str, asker: Asker, text: str, reference: str) -> None:
        """Accept a question that has no post of its own."""
        now = self._replying.now()
        order = int(now.timestamp() * 1_000_000)
        await self._parts.intake.accept(Question(thread, message_id, order, asker, text, now, reference))

    async def bare(self, bare: Bare) -> None:
        """Somebody called and said nothing: help is better than silence."""
        with self._heard.first(bare.thread.channel, bare.message_id) as first:
            if first:
                self._replying.soon(bare.installed, bare.thread, bare.asker, Notice(replies.HELP), at=bare.message_id)

    async def worded(self, worded: Worded) -> None:
        """Steer the thread, once for each post."""
        with self._heard.first(worded.thread.channel, worded.message_id) as first:
            if first:
                said = await self._refusal(worded) or await self._steered(worded)
                if said:
                    told = Notice(said)
                    self._replying.soon(worded.installed, worded.thread, worded.asker, told, at=worded.message_id)

    async def _refusal(self, worded: Worded) -> str:
        """Why somebody of another organisation may not steer: who may not ask may not have others' answers changed."""
        reference = worded.reference
        if reference.foreign is False or not (reference.foreign or reference.ext_shared):
            return ""
        rules = (await self._parts.preferences.of(worded.thread.channel)).rules
        standing = Standing.OUTSIDER if reference.foreign else Standing.UNKNOWN
        refusal = access.decide(standing, rules, recorded=None, now=Audience.SHARED)
        return "" if refusal is None else wording.sentence(refusal.error or AccessUnknown())

    async def _steered(self, worded: Worded) -> str:
        """Do it; what is to be said about it."""
        thread, parts = worded.thread, self._parts
        match worded.word:
            case ThreadWord.STOP:
                return "" if await self._replying.stop(thread) else "Nothing is being answered here."
            case ThreadWord.RETRY:
                return await self._retried(thread)
            case ThreadWord.NEW:
                await parts.history.start_anew(thread, worded.order)
                await parts.threads.uncrowd(thread)
                return "I start anew: what was said here before does not count any more."
            case ThreadWord.MUTE:
                await parts.threads.mute(thread)
                return "I answer only when I am mentioned here. `unmute` changes that."
            case ThreadWord.UNMUTE:
                await parts.threads.unmute(thread)
                return "I answer replies in this thread again."

    async def _retried(self, thread: ThreadRef) -> str:
        """Have the thread's newest answer given anew: not an older one, while the newest is under way."""
        parts = self._parts
        for seconds in (*_RECORDED_WITHIN, None):
            if thread not in await parts.threads.unfinished(thread.channel, most=_MOST_OPEN):
                break
            if seconds is None:
                return _STILL
            await asyncio.sleep(seconds)
        turn_id = await parts.revisions.newest_ended(thread)
        again = turn_id is not None and await parts.revisions.again(thread.channel.workspace, turn_id)
        return "" if again else "There is nothing here to answer again."

    async def edited(self, edited: Edited) -> None:
        """A question was edited: it is answered as it is now, or can be asked again. A mention that was added asks."""
        question = edited.question
        if not question.text:
            return
        revised, turn_id = await self._parts.revisions.revise(question)
        if revised is Revised.ANSWERED:
            offer = Notice("You edited a question that I had answered. Shall I answer it again?", Offer.AGAIN)
            self._replying.soon(edited.installed, question.thread, question.asker, offer, turn_id=turn_id)
        elif revised is Revised.UNKNOWN and edited.mentioned and edited.was_mentioned is False:
            await self._parts.intake.accept(question)

    async def deleted(self, deleted: Deleted) -> None:
        """A question was deleted: it is not answered any more, and its text is forgotten."""
        await self._parts.revisions.erase(deleted.channel, deleted.message_id)

    async def stopped(self, thread: ThreadRef) -> None:
        """Somebody pressed Slack's own stop button."""
        await self._replying.stop(thread)
