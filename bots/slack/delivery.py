"""Slack's `Delivery`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.attached import File
from bots.fields import items, mapping
from bots.fields import text as string
from bots.slack import blocks
from bots.slack.calls import Calls, SlackRefused
from bots.slack.drawing import drawn
from bots.slack.fields import following
from bots.slack.installed import Installed
from bots.slack.installs import Installs
from bots.slack.people import People, stricter
from bots.slack.privately import Privately, Somebody
from bots.slack.reference import decode
from bots.slack.showing import Showing
from bots.slack.surroundings import Around, own_posts
from core import logs
from core.channels.access import Audience
from core.conversation.values import Notice, Question
from core.errors import DeliveryFailed, NotAttached, PlaceGone, PostUnknown
from core.relay.delivery import ECHO, Footer, Limits, Post, Surroundings

log = logs.get(__name__)

# Slack takes 12,000 characters in all markdown blocks of a message; rendering adds `outgoing.GROWTH` at most
_LIMITS = Limits(characters=9_000, seconds_between=1.0, posts=6)
_FILE = "askrepo-answer-{turn}.md"
_LOOKED_AT = 200  # posts of a thread, when one of ours is looked for


class SlackDelivery:
    """Shows answers in Slack. Raises PlaceGone, PostUnknown, NotYet and DeliveryFailed."""

    def __init__(
        self,
        installs: Installs,
        calls: Calls,
        people: People,
        around: Around,
        privately: Privately,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installs = installs
        self._calls = calls
        self._people = people
        self._around = around
        self._privately = privately
        self._showing = Showing(calls, clock)

    @property
    def limits(self) -> Limits:
        """What Slack takes."""
        return _LIMITS

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        """Ask Slack who asks, and who reads along; the event's own word is taken where it is the stricter one."""
        channel = question.thread.channel
        reference = decode(question.reference)
        client = await self._client(question)
        if channel.channel_id.startswith("D"):
            since = None  # nobody else comes to a direct message
        person, audience = await asyncio.gather(
            self._people.person(client, channel.workspace, question.asker.user_id),
            self._people.audience(client, channel, since=since),
        )
        context, remarks = await self._around.context(client, question, reference, first=first)
        return Surroundings(
            standing=stricter(person.standing, reference),
            audience=Audience.SHARED if reference.ext_shared else audience,
            context=context,
            remarks=remarks,
        )

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """Make the post show this text; its `ts`, or the id of the attached file."""
        client = await self._client(post.question)
        if post.number == ECHO:
            return await self._echo(client, post, text)
        if post.attached:
            return post.post_id or await self._attach(client, post, text)
        reference = decode(post.question.reference)
        team = reference.team
        if team is None or team.startswith("E"):  # an organisation is no team
            team = post.question.thread.channel.workspace_id
        return await self._showing.show(client, post, text, footer, team)

    async def withdraw(self, post: Post) -> None:
        """Delete it; one that is gone already is as good."""
        channel = post.question.thread.channel
        client = await self._client(post.question)
        post_id = post.post_id or ""
        try:
            if post_id.startswith("F"):
                await self._calls.call(client, channel.workspace, "files.delete", caller=post.turn_id, file=post_id)
            else:
                await self._calls.call(
                    client,
                    channel.workspace,
                    "chat.delete",
                    caller=post.turn_id,
                    channel=channel.channel_id,
                    ts=post_id,
                )
        except SlackRefused as error:
            log.info("nothing to remove, or it stays", reason=str(error))
        self._showing.forget(post.turn_id, post.number)

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """To the asker alone, in the thread if others have replied there; else in the channel, or a direct message."""
        channel, reference = question.thread.channel, decode(question.reference)
        # Slack shows what is private only in threads that have replies
        in_thread = reference.in_thread if question.unsaid else question.thread.thread_id != question.message_id
        somebody = Somebody(
            Installed(channel.workspace_id, reference.enterprise),
            question.asker.user_id,
            channel,
            question.thread.thread_id if in_thread else None,
            reference.command.response_url if reference.command is not None else "",
        )
        told = {"text": blocks.alternative(notice.text), "blocks": blocks.notice(notice, turn_id)}
        await self._privately.tell(somebody, told, caller=turn_id)

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """Our posts of this turn, by the metadata they carry; a stream that was not finished is the one without."""
        client = await self._client(question)
        try:
            messages = await self._since(client, question, turn_id)
        except (SlackRefused, PlaceGone) as error:
            raise PostUnknown(str(error)) from None
        bot_user_id = await self._bot_user_id(question)
        found, unfinished = own_posts(messages, turn_id, bot_user_id)
        number = max(found, default=-1) + 1
        for ts in unfinished:
            found[max(0, number)] = ts
            number += 1
        attached = await self._attached(client, question, messages, turn_id, bot_user_id)
        if attached is not None and _LIMITS.posts is not None:
            found[_LIMITS.posts] = attached
        return found

    async def _since(self, client: AsyncWebClient, question: Question, turn_id: str) -> Sequence[object]:
        """What was posted since the question where its answer stands; however slowly Slack gives the pages of it."""
        channel, thread_ts = question.thread.channel, _thread_ts(question)
        posts, cursor = list[object](), None
        for _ in range(_LOOKED_AT // self._installs.page):
            answer = await self._calls.patiently(
                client,
                channel.workspace,
                "conversations.history" if thread_ts is None else "conversations.replies",
                caller=turn_id,
                channel=channel.channel_id,
                ts=thread_ts,
                oldest=f"{question.asked_at.timestamp() - 60:.6f}" if question.unsaid else question.message_id,
                include_all_metadata=True,
                limit=self._installs.page,
                cursor=cursor,
            )
            posts += items(answer.get("messages"))
            cursor = following(answer)
            if cursor is None:
                break
        return posts

    async def _attached(
        self, client: AsyncWebClient, question: Question, messages: Sequence[object], turn_id: str, bot_user_id: str
    ) -> str | None:
        """The id of our file of this turn. In shared channels messages name no files: one has to ask."""
        for message in map(mapping, messages):
            for file in map(mapping, items(message.get("files"))):
                file_id = string(file.get("id")) or ""
                name = file.get("name")
                if name is None and message.get("user") == bot_user_id:
                    name = (await self._around.whole(client, question, File(file_id), caller=turn_id)).name
                if name == _FILE.format(turn=turn_id):
                    return file_id
        return None

    async def _client(self, question: Question) -> AsyncWebClient:
        workspace = question.thread.channel.workspace
        return await self._installs.client(workspace, decode(question.reference).enterprise)

    async def _bot_user_id(self, question: Question) -> str:
        workspace = question.thread.channel.workspace
        installation = await self._installs.of(workspace, decode(question.reference).enterprise)
        return installation.bot_user_id if installation is not None else ""

    async def _echo(self, client: AsyncWebClient, post: Post, text: str) -> str:
        question = post.question
        posted, _ = await drawn(
            lambda shown: self._calls.call(
                client,
                question.thread.channel.workspace,
                "chat.postMessage",
                caller=post.turn_id,
                channel=question.thread.channel.channel_id,
                thread_ts=_thread_ts(question),
                text=blocks.alternative(text),
                blocks=shown,
                metadata=blocks.metadata(post.turn_id, ECHO),
                unfurl_links=False,
                unfurl_media=False,
                parse="none",
            ),
            lambda plain: blocks.echo(question.asker.user_id, text, plain=plain),
        )
        return str(posted.get("ts"))

    async def _attach(self, client: AsyncWebClient, post: Post, text: str) -> str:
        """Post the whole answer as a file: its id. Raises NotAttached where Slack takes none from us."""
        try:
            return await self._uploaded(client, post, text)
        except (SlackRefused, PlaceGone) as error:
            raise NotAttached(str(error)) from None

    async def _uploaded(self, client: AsyncWebClient, post: Post, text: str) -> str:
        channel, octets = post.question.thread.channel, text.encode()
        name = _FILE.format(turn=post.turn_id)
        place = await self._calls.call(
            client,
            channel.workspace,
            "files.getUploadURLExternal",
            caller=post.turn_id,
            filename=name,
            length=len(octets),
        )
        await self._upload(client, string(place.get("upload_url")) or "", octets)
        file_id = string(place.get("file_id")) or ""
        await self._calls.call(
            client,
            channel.workspace,
            "files.completeUploadExternal",
            caller=post.turn_id,
            files=[{"id": file_id, "title": "The whole answer"}],
            channel_id=channel.channel_id,
            thread_ts=post.question.thread.thread_id,
        )
        return file_id

    async def _upload(self, client: AsyncWebClient, url: str, octets: bytes) -> None:
        session = client.session
        if session is None:
            raise DeliveryFailed("a file: no session")
        try:
            async with session.post(url, data=octets, allow_redirects=False) as response:
                if response.status != 200:
                    raise DeliveryFailed(f"a file: status {response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeliveryFailed(f"a file: {type(error).__name__}") from None


def _thread_ts(question: Question) -> str | None:
    """The thread to write to; None while the question has none."""
    thread_id = question.thread.thread_id
    return None if question.unsaid and thread_id == question.message_id else thread_id
