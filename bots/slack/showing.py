"""How one post of an answer is shown: as Slack's own stream where Slack allows it, else by posting and editing.

A stream takes only what is new, so what was taken is counted as shown only once Slack has confirmed it. Where a reply
was lost nobody knows what was taken: the stream is ended and the post edited to the whole text, which may be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import blocks
from bots.slack.calls import Answer, Calls, SlackRefused
from bots.slack.drawing import TOO_MUCH, drawn
from bots.slack.outgoing import Growing
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import DeliveryError, DeliveryUncertain, NotYet, PlaceGone, PostGone
from core.relay.delivery import Footer, Post

log = logs.get(__name__)

_STREAM_SECONDS = 240.0  # Slack ends a stream about five minutes after its start, whatever is added to it
_EDIT_SECONDS = 3.0  # Slack asks for no more than about one edit of a message in three seconds
_SOON_SECONDS = 1.0  # a stream that cannot begin sooner is not waited for
_REFUSED_SECONDS = 3_600.0  # before a workspace that refused streams is asked again
_STALE_SECONDS = 3_600.0  # a post nobody finished in this process
_MOST_IN_ONE_CALL = 11_000  # characters of `markdown_text`; Slack takes 12,000
# whoever pressed Slack's own stop button may have no right to: until an event tells who it was, the answer goes on
_ENDED = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
# what a stream is refused for that says nothing about the workspace
_ONCE = TOO_MUCH | {"invalid_chunks", "no_text"}


@dataclass
class _Live:
    """A post of ours in this process. `shown`: what the stream is known to hold; None where that is not known.

    `plain`: it shows plain text, for Slack does not take it as Markdown.
    """

    ts: str
    since: float
    shown: str | None
    edited_at: float = 0.0
    plain: bool = False
    page: Growing = field(default_factory=Growing)


class Showing:
    """Shows posts of answers.

    Raises what Calls raises, and PostGone for a post that cannot be edited any more.
    """

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._clock = clock
        self._live: dict[tuple[str, int], _Live] = {}
        self._refused: dict[tuple[WorkspaceRef, bool], float] = {}

    async def show(
        self, client: AsyncWebClient, post: Post, text: str, footer: Footer | None, recipient_team: str
    ) -> str:
        """Make the post show this text; its `ts`."""
        key = (post.turn_id, post.number)
        live = self._live.get(key)
        if post.post_id is None:
            self._forget_stale()
            live = self._live[key] = await self._begin(client, post, text, footer, recipient_team)
        else:
            if live is None or live.ts != post.post_id:
                live = self._live[key] = _Live(post.post_id, self._clock(), shown=None)
                await self._end_stream(client, post, live)  # of an earlier attempt: it may still be one
            if not await self._streamed(client, post, live, text, footer):
                await self._edit(client, post, live, text, footer)
        if footer is not None:
            for number in range(post.number + 1):
                self.forget(post.turn_id, number)
        return live.ts

    def forget(self, turn_id: str, number: int) -> None:
        """A post is finished, or gone."""
        self._live.pop((turn_id, number), None)

    def _forget_stale(self) -> None:
        """Posts of answers that ended elsewhere."""
        past = self._clock() - _STALE_SECONDS
        for key in [key for key, live in self._live.items() if live.since < past]:
            del self._live[key]

    async def _begin(
        self, client: AsyncWebClient, post: Post, text: str, footer: Footer | None, recipient_team: str
    ) -> _Live:
        if not _ends(post, footer) and self._clock() >= self._refused.get(_kind(post), 0.0):
            live = await self._start_stream(client, post, text, recipient_team)
            if live is not None:
                return live
        said = {"thread_ts": post.question.thread.thread_id, "unfurl_links": False, "unfurl_media": False}
        posted, plain = await self._drawn(client, post, text, footer, "chat.postMessage", said)
        return _Live(str(posted.get("ts")), self._clock(), shown=None, edited_at=self._clock(), plain=plain)

    async def _start_stream(self, client: AsyncWebClient, post: Post, text: str, recipient_team: str) -> _Live | None:
        """None where Slack does not stream here, or not soon enough."""
        since, page = self._clock(), Growing()
        shown = _piece(page.rendered(page.streamable(text)))
        channel, workspace = _place(post)
        try:
            started = await self._calls.call(
                client,
                workspace,
                "chat.startStream",
                caller=post.turn_id,
                channel=channel,
                thread_ts=post.question.thread.thread_id,
                markdown_text=shown or None,
                recipient_user_id=None if _direct(post) else post.question.asker.user_id,
                recipient_team_id=None if _direct(post) else recipient_team,
            )
        except NotYet as error:
            if error.seconds >= _SOON_SECONDS:
                return None
            raise
        except PlaceGone as error:
            log.info("no native streaming here", reason=str(error))
            return None  # whether all is over for the place, a post finds out
        except SlackRefused as error:
            log.info("no native streaming here", reason=error.code)
            if error.code not in _ONCE:
                self._refused[_kind(post)] = self._clock() + _REFUSED_SECONDS
            return None
        return _Live(str(started.get("ts")), since, shown, page=page)

    async def _streamed(
        self, client: AsyncWebClient, post: Post, live: _Live, text: str, footer: Footer | None
    ) -> bool:
        """Whether the post is a stream, and shows it now."""
        if live.shown is None:
            return False
        ends = _ends(post, footer)
        whole = live.page.rendered(text if ends else live.page.streamable(text))
        if not whole.startswith(live.shown) or self._clock() - live.since > _STREAM_SECONDS:
            await self._end_stream(client, post, live)
            return False
        new = whole[len(live.shown) :]
        while len(new) > _MOST_IN_ONE_CALL or (new and not ends):
            piece = _piece(new)
            if not await self._taken(client, post, live, "chat.appendStream", piece):
                return False
            new = new[len(piece) :]
        return not ends or await self._taken(
            client,
            post,
            live,
            "chat.stopStream",
            new,
            blocks=None if footer is None else blocks.under(footer, post.turn_id),
            metadata=blocks.metadata(post.turn_id, post.number),
        )

    async def _taken(
        self, client: AsyncWebClient, post: Post, live: _Live, method: str, new: str, **arguments: object
    ) -> bool:
        """Whether the stream took this text; if not, or if nobody knows, it has been ended."""
        shown, live.shown = live.shown or "", None  # not known until Slack has confirmed it, even if we are cancelled
        channel, workspace = _place(post)
        given = {"channel": channel, "ts": live.ts, "markdown_text": new or None, **arguments}
        try:
            await self._calls.call(client, workspace, method, caller=post.turn_id, **given)
        except SlackRefused as error:
            log.info("the stream ended", reason=error.code)
            if error.code not in _ENDED:
                await self._end_stream(client, post, live)
            return False
        except DeliveryUncertain as error:
            log.warning("the stream is in doubt", reason=str(error))
            await self._end_stream(client, post, live)
            return False
        except DeliveryError:
            live.shown = shown  # nothing was sent, or nothing taken
            raise
        if method == "chat.appendStream":
            live.shown = shown + new
        return True

    async def _end_stream(self, client: AsyncWebClient, post: Post, live: _Live) -> None:
        """Make sure that the post can be edited. Where that is not certain, the edit finds out."""
        channel, workspace = _place(post)
        live.shown = None
        try:
            await self._calls.call(
                client, workspace, "chat.stopStream", caller=post.turn_id, channel=channel, ts=live.ts
            )
        except (SlackRefused, DeliveryUncertain) as error:
            log.debug("no stream to end", reason=str(error))

    async def _edit(self, client: AsyncWebClient, post: Post, live: _Live, text: str, footer: Footer | None) -> None:
        """Replace all that the post shows. What cannot be edited is shown anew once it is whole."""
        wait = live.edited_at + _EDIT_SECONDS - self._clock()
        if footer is None and live.edited_at and wait > 0:
            raise NotYet(wait)
        try:
            try:
                await self._update(client, post, live, text, footer)
            except SlackRefused as error:
                if error.code != "streaming_state_conflict":
                    raise
                await self._end_stream(client, post, live)
                await self._update(client, post, live, text, footer)
        except SlackRefused as error:
            if _ends(post, footer):
                raise PostGone(str(error)) from None
            log.info("not edited", reason=error.code)
        live.edited_at = self._clock()

    async def _update(self, client: AsyncWebClient, post: Post, live: _Live, text: str, footer: Footer | None) -> None:
        plain = live.plain and not _ends(post, footer)  # the whole may fit again: what grows has a button more
        _, live.plain = await self._drawn(client, post, text, footer, "chat.update", {"ts": live.ts}, plain=plain)

    async def _drawn(
        self,
        client: AsyncWebClient,
        post: Post,
        text: str,
        footer: Footer | None,
        method: str,
        given: Mapping[str, object],
        *,
        plain: bool = False,
    ) -> tuple[Answer, bool]:
        """The whole post, as `drawn` has it: shown by this method, with what it is given besides."""
        channel, workspace = _place(post)
        return await drawn(
            lambda shown: self._calls.call(
                client,
                workspace,
                method,
                caller=post.turn_id,
                channel=channel,
                text=blocks.alternative(text),
                blocks=shown,
                metadata=blocks.metadata(post.turn_id, post.number),
                parse="none",
                **given,
            ),
            lambda plain: blocks.answer(text, post, footer, plain=plain),
            plain=plain,
        )


def _ends(post: Post, footer: Footer | None) -> bool:
    """Whether the text is the post's last."""
    return footer is not None or post.full


def _piece(text: str) -> str:
    """As much of it as one call takes, up to the end of a line if there is one."""
    if len(text) <= _MOST_IN_ONE_CALL:
        return text
    end = text.rfind("\n", 0, _MOST_IN_ONE_CALL) + 1
    return text[: end or _MOST_IN_ONE_CALL]


def _place(post: Post) -> tuple[str, WorkspaceRef]:
    channel = post.question.thread.channel
    return channel.channel_id, channel.workspace


def _direct(post: Post) -> bool:
    """Whether it is a direct message; only these ids are Slack's word for what a conversation is."""
    return post.question.thread.channel.channel_id.startswith("D")


def _kind(post: Post) -> tuple[WorkspaceRef, bool]:
    return post.question.thread.channel.workspace, _direct(post)
