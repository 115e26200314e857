"""Discord's `Delivery`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bots.discord import components, outgoing
from bots.discord.bot import Ourselves
from bots.discord.failures import DiscordRefused
from bots.discord.fields import snowflake
from bots.discord.native import native
from bots.discord.people import People
from bots.discord.permissions import SEND_MESSAGES, VIEW_CHANNEL
from bots.discord.posting import Posting
from bots.discord.privately import Privately, asker
from bots.discord.reference import Reference, decode
from bots.discord.refusals import counted_for
from bots.discord.rest import Rest
from bots.discord.surroundings import Around
from bots.discord.threads import Threads, begins, is_here
from bots.fields import items, mapping
from core import logs
from core.channels.access import Standing
from core.conversation.values import UNSAID, Notice, Question
from core.errors import DeliveryError, NotAttached, PlaceGone, PostUnknown
from core.relay.delivery import ECHO, Footer, Limits, Post, Surroundings

log = logs.get(__name__)

# Discord allows some five changes of messages in five seconds and channel; what it allows indeed, its answers say
_LIMITS = Limits(characters=outgoing.PAGE, seconds_between=1.2, posts=8, found_growing=True, native=native)
_FILE = "askrepo-answer-{turn}.md"
_FRESH = timedelta(minutes=5)
_TYPING_SECONDS = 1.0
_PAGES = 3  # of a thread, of 100 messages each, when a post of ours is looked for


class DiscordDelivery:
    """Shows answers in Discord. Raises PlaceGone, PostUnknown, NotYet, PostGone, NotAttached and DeliveryFailed."""

    def __init__(
        self,
        rest: Rest,
        ourselves: Ourselves,
        people: People,
        posting: Posting,
        around: Around,
        privately: Privately,
    ) -> None:
        self._rest = rest
        self._ourselves = ourselves
        self._people = people
        self._posting = posting
        self._around = around
        self._privately = privately
        self._threads = Threads(rest, people)

    @property
    def limits(self) -> Limits:
        """What Discord takes."""
        return _LIMITS

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        """Ask Discord who asks, and who reads along."""
        counted_for(question.thread.channel.workspace_id)
        channel, reference = question.thread.channel, decode(question.reference)
        await self._type(question)
        standing = await self._standing(question, reference)
        async with self._threads.named(question, VIEW_CHANNEL):
            audience = await self._people.audience(channel, reference.direct)
        context, remarks = await self._around.context(question, reference, first=first)
        return Surroundings(standing, audience, context, remarks)

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """Make the post show this text; its message's id."""
        question, subject = post.question, _subject(post)
        counted_for(question.thread.channel.workspace_id)
        async with self._threads.named(question, self._threads.writing(question)):
            if post.number == ECHO:
                return await self._echo(post, text)
            if post.attached:
                return post.post_id or await self._attach(post, text)
            message = components.answer(text, post, footer)
            if post.post_id is None:
                place = await self._threads.opened(question, post.turn_id)
                return await self._posting.post(place, message, subject=subject, caller=post.turn_id)
            place = question.thread.thread_id
            await self._posting.edit(place, post.post_id, message, subject=subject, caller=post.turn_id)
            return post.post_id

    async def withdraw(self, post: Post) -> None:
        """Delete it; one that is gone already is as good."""
        counted_for(post.question.thread.channel.workspace_id)
        await self._posting.remove(
            post.question.thread.thread_id, post.post_id or "", subject=_subject(post), caller=post.turn_id
        )

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """To the asker alone where they used a command, else under the question, else in a direct message."""
        counted_for(question.thread.channel.workspace_id)
        told, caller = components.notice(notice, turn_id), turn_id or question.message_id
        await self._privately.tell(asker(question), told, caller=caller, occasion=question.occasion)

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """Our posts of this turn, by the ids of their buttons, and its file by its name.

        What has no buttons is not found: within minutes, its nonce keeps it from being posted twice.
        """
        counted_for(question.thread.channel.workspace_id)
        if begins(question):
            return {}
        asked = int(question.message_id.removeprefix(UNSAID))
        bot = await self._ourselves.bot()
        found, seen = dict[int, str](), False
        try:
            async for message in self._posting.newest(question.thread.thread_id, caller=turn_id, pages=_PAGES):
                message_id, seen = snowflake(message.get("id")), True
                if message_id is None or int(message_id) < asked:
                    break
                if mapping(message.get("author")).get("id") == bot.user_id:
                    number = _number(message, turn_id)
                    found |= {} if number is None else {number: message_id}
        except (DiscordRefused, PlaceGone) as error:
            if is_here(question):
                raise PostUnknown(str(error)) from None
            log.info("no thread yet", reason=str(error))
        else:
            # Discord shows nothing to who may not read what was posted before, and does not refuse it
            direct = decode(question.reference).direct
            if not seen and not direct and await self._people.unreadable(question.thread.channel):
                raise PostUnknown("what was posted there cannot be read")
        return found

    async def _standing(self, question: Question, reference: Reference) -> Standing:
        """The event's own word while it is fresh: Discord lets few members be asked for at a time."""
        fresh = datetime.now(UTC) - question.asked_at < _FRESH
        if reference.outsider is not None and fresh:
            return Standing.OUTSIDER if reference.outsider else Standing.MEMBER
        standing = await self._people.standing(question.thread.channel.workspace, question.asker.user_id)
        return Standing.OUTSIDER if reference.outsider and standing is Standing.MEMBER else standing

    async def _type(self, question: Question) -> None:
        """Discord's own sign that somebody is at work; not needed, and hardly waited for."""
        if self._rest.busy:
            return
        try:
            async with asyncio.timeout(_TYPING_SECONDS):
                await self._rest.call("POST", "/channels/{channel_id}/typing", channel_id=asker(question).channel_id)
        except (DeliveryError, TimeoutError) as error:
            log.debug("no typing", kind=type(error).__name__)

    async def _echo(self, post: Post, text: str) -> str:
        """Show the question where its thread begins with it, or in the thread that is there."""
        question, shown = post.question, components.echo(post.question.asker.user_id, text)
        if not begins(question):
            place = await self._threads.opened(question, post.turn_id)
            return await self._posting.post(place, shown, subject=_subject(post), caller=post.turn_id)
        async with self._threads.named(question, SEND_MESSAGES):
            place = question.thread.channel.channel_id
            return await self._posting.post(place, shown, subject=_subject(post), caller=post.turn_id)

    async def _attach(self, post: Post, text: str) -> str:
        """Post the whole answer as a file. Raises NotAttached where Discord takes none from us."""
        place = await self._threads.opened(post.question, post.turn_id)
        file = (_FILE.format(turn=post.turn_id), text.encode())
        try:
            return await self._posting.post(place, {}, subject=_subject(post), caller=post.turn_id, file=file)
        except (DiscordRefused, PlaceGone) as error:
            raise NotAttached(str(error)) from None


def _subject(post: Post) -> str:
    return f"{post.turn_id} {post.number}"


def _number(message: Mapping[str, object], turn_id: str) -> int | None:
    """Which post of the turn a message is."""
    name = _FILE.format(turn=turn_id)
    if any(mapping(file).get("filename") == name for file in items(message.get("attachments"))):
        return _LIMITS.posts
    return components.shows(message, turn_id)
