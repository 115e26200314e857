"""What stands around a question: the thread it was asked in, the message it is about, the texts that came with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots import attached
from bots.attached import File
from bots.fields import items, mapping
from bots.fields import text as string
from bots.slack import blocks
from bots.slack.calls import Answer, Calls, SlackRefused
from bots.slack.fields import following, order, stamp
from bots.slack.people import People
from bots.slack.reference import Reference, files_of
from bots.slack.words import words
from core import logs, wording
from core.channels.pasted import holds_token
from core.conversation.around import (
    LARGEST_FILE,
    THREAD_CHARACTERS,
    as_text,
    quoted,
)
from core.conversation.values import Question
from core.errors import DeliveryFailed, NotYet, PlaceGone
from core.relay.patience import patiently

log = logs.get(__name__)

_POSTS = 1_000  # of a thread that are looked at
_PATIENCE_SECONDS = 5.0  # for a thread: the asker sees no sign of us before it is read
_NAMES = 10  # people of a thread whose names are asked for


class Around:
    """Reads around questions, by so many posts to a `page`. Raises NotYet and DeliveryFailed."""

    def __init__(self, calls: Calls, people: People, api_url: str, *, page: int = 200) -> None:
        self._calls = calls
        self._people = people
        self._api_host = urlsplit(api_url).netloc
        self._page = page

    async def context(
        self, client: AsyncWebClient, question: Question, reference: Reference, *, first: bool
    ) -> tuple[str, tuple[str, ...]]:
        """As Markdown, with remarks on what was left out."""
        parts, remarks = [], []
        about = reference.command.about_text if reference.command is not None else ""
        if first and reference.in_thread and not about:
            earlier, remark = await self._thread(client, question)
            parts += [f"Earlier in this thread:\n\n{earlier}"] if earlier else []
            remarks += [remark] if remark else []
        if about or reference.about_text:
            parts.append(f"It is about this message:\n\n{quoted(about or reference.about_text)}")
        caller = question.message_id
        files = [await self.whole(client, question, file, caller=caller) for file in reference.files]
        texts, skipped = await attached.texts(files, reference.left_out, partial(self._content, client))
        parts += texts
        remarks += [wording.files_skipped(skipped)] if skipped else []
        return "\n\n".join(parts), tuple(remarks)

    async def _thread(self, client: AsyncWebClient, question: Question) -> tuple[str, str]:
        """The thread's posts before the question, the newest that fit; and what is to be said of the others, if any."""
        try:
            posts, more = await self._replies(client, question)
        except (SlackRefused, PlaceGone) as error:
            log.info("the thread cannot be read", reason=str(error))
            return "", wording.thread_unread()
        if more and not posts:
            return "", wording.thread_unread()
        remark = wording.thread_unfinished() if more else ""
        said, left, names = [], THREAD_CHARACTERS, dict[str, str]()
        for post in reversed(posts):
            line = await self._line(client, question, post, names)
            left -= len(line)
            if left < 0:
                remark = remark or wording.thread_cut()
                break
            said.append(line)
        return "\n\n".join(reversed(said)), remark

    async def _replies(self, client: AsyncWebClient, question: Question) -> tuple[list[Mapping[str, object]], bool]:
        """The posts of the thread before the question, from its beginning on; whether more follow that are not known.

        Slack begins with the oldest post, and some apps get the next page after a minute only: nobody waits for that.
        """
        posts: list[Mapping[str, object]] = []
        cursor, patience, pages = None, _PATIENCE_SECONDS, _POSTS // self._page
        while pages:
            try:
                answer = await self._replies_from(client, question, cursor)
            except NotYet as error:
                patience -= error.seconds
                if patience < 0:
                    log.info("the thread is not read to its end", posts=len(posts), reason=str(error))
                    return posts, True
                await asyncio.sleep(error.seconds)
                continue
            found = (mapping(each) for each in items(answer.get("messages")))
            posts += [post for post in found if (ts := stamp(post.get("ts"))) and order(ts) < question.order]
            cursor, pages = following(answer), pages - 1
            if cursor is None:
                return posts, False
        return posts, True

    async def _replies_from(self, client: AsyncWebClient, question: Question, cursor: str | None) -> Answer:
        channel = question.thread.channel
        return await self._calls.call(
            client,
            channel.workspace,
            "conversations.replies",
            caller=question.message_id,
            channel=channel.channel_id,
            ts=question.thread.thread_id,
            latest=None if question.unsaid else question.message_id,
            limit=self._page,
            cursor=cursor,
        )

    async def _line(
        self, client: AsyncWebClient, question: Question, post: Mapping[str, object], names: dict[str, str]
    ) -> str:
        user = string(post.get("user")) or ""
        if user and user not in names and len(names) < _NAMES:
            person = await patiently(partial(self._people.person, client, question.thread.channel.workspace, user))
            names[user] = person.name
        said = words(post)
        if holds_token(said):  # whoever wrote it was told that it goes nowhere
            return ""
        return f"{names.get(user) or 'Somebody'}:\n{quoted(said)}" if said else ""

    async def whole(self, client: AsyncWebClient, question: Question, file: File, *, caller: str) -> File:
        """A file of which Slack said nothing but its id: in shared channels one has to ask (`check_file_info`)."""
        if file.name or file.url:
            return file
        workspace = question.thread.channel.workspace
        try:
            answer = await self._calls.patiently(client, workspace, "files.info", caller=caller, file=file.file_id)
        except (SlackRefused, PlaceGone) as error:
            log.info("a file cannot be looked at", reason=str(error))
            return file
        return next(iter(files_of([answer.get("file")])[0]), file)

    async def _content(self, client: AsyncWebClient, file: File) -> str | None:
        """The text of a file, if it is one. Our token goes to Slack's own hosts alone."""
        if not file.worth_reading or not self.is_slack(file.url):
            return None
        session = client.session
        if session is None:
            return None
        try:
            async with session.get(
                file.url, headers={"Authorization": f"Bearer {client.token}"}, allow_redirects=False
            ) as response:
                if response.status != 200 or response.content_type == "text/html":
                    return None
                octets = b"".join([piece async for piece in _bounded(response.content)])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeliveryFailed(f"a file: {type(error).__name__}") from None
        return as_text(octets)

    def is_slack(self, url: str) -> bool:
        """Whether it leads to Slack itself: nobody else gets our token or our words."""
        parts = urlsplit(url)
        if parts.netloc == self._api_host:
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith(".slack.com") and parts.port in {None, 443}


async def _bounded(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The pieces of a body, up to just over the largest file that is looked into."""
    left = LARGEST_FILE + 1
    async for piece in content.iter_any():
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def own_posts(messages: Sequence[object], turn_id: str, bot_user_id: str) -> tuple[dict[int, str], list[str]]:
    """The posts of a turn among messages, by their metadata; and streams of ours that nobody finished, without any.

    A stream gets its metadata when we end it, and Slack ends one that is five minutes old by itself.
    """
    found: dict[int, str] = {}
    unfinished: list[str] = []
    for message in map(mapping, messages):
        ts = stamp(message.get("ts"))
        metadata = mapping(message.get("metadata"))
        payload = mapping(metadata.get("event_payload"))
        if ts is None or message.get("user") != bot_user_id:
            continue
        if metadata.get("event_type") == blocks.METADATA and payload.get("turn") == turn_id:
            number = payload.get("number")
            if isinstance(number, int):
                found[number] = ts
        elif message.get("streaming_state") and not metadata:
            unfinished.append(ts)
    return found, unfinished
