"""Telling one person something: in reply to what they did, else in the channel, else in a direct message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from bots.fields import items, mapping
from bots.slack import blocks, offers
from bots.slack.calls import Calls, SlackRefused
from bots.slack.installed import Installed
from bots.slack.installs import Installs
from bots.slack.surroundings import Around
from bots.slack.web_client import NOT_TAKEN
from core import logs
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import DeliveryUncertain, PlaceGone
from core.relay.patience import persistently

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Somebody:
    """Somebody who did something, and where. `channel` is None on a Home tab, `thread_ts` outside of threads.

    `response_url` takes five replies within 30 minutes. `original`: it belongs to a private message of ours.
    """

    installed: Installed
    user_id: str
    channel: ChannelRef | None
    thread_ts: str | None = None
    response_url: str = field(default="", repr=False)
    original: bool = False

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace they did it in; `of_command` and `of_interaction` let nothing through without one."""
        return WorkspaceRef("slack", self.installed.team_id or "")


class Privately:
    """Says things to one person alone. Raises DeliveryError."""

    def __init__(self, installs: Installs, calls: Calls, around: Around) -> None:
        self._installs = installs
        self._calls = calls
        self._around = around

    async def say(self, somebody: Somebody, words: str, *buttons: Mapping[str, object], instead: bool = False) -> None:
        """Say it at least once; `instead` of the private message whose button was pressed, where there is one.

        Where a reply of Slack's is lost they may read it twice, which does no harm: one person sees it, it starts
        nothing, and said `instead` it takes its own place. Unsaid, what was carried out would have no outcome. Five
        tries may use up a response_url; then, and for all that is said after them, there are calls.
        """
        shown = {"text": blocks.alternative(words), "blocks": offers.said(words, *buttons)}
        caller = uuid4().hex
        await persistently(lambda: self.tell(somebody, shown, caller=caller, instead=instead))

    async def tell(
        self, somebody: Somebody, shown: Mapping[str, object], *, caller: str, instead: bool = False
    ) -> None:
        """Show it, or raise NotYet; `caller` is as Calls has it.

        A reply needs no token, so it is given where the app is not installed any more, or its token is of no use.
        """
        reply = {"response_type": "ephemeral", "replace_original": instead and somebody.original, **shown}
        if somebody.thread_ts is not None:
            reply["thread_ts"] = somebody.thread_ts
        if not await self._replied(somebody.response_url, reply):
            await self._posted(somebody, shown, caller)

    async def _posted(self, somebody: Somebody, shown: Mapping[str, object], caller: str) -> None:
        client = await self._installs.client(somebody.workspace, somebody.installed.enterprise_id)
        if somebody.channel is not None:
            try:
                await self._calls.call(
                    client,
                    somebody.workspace,
                    "chat.postEphemeral",
                    caller=caller,
                    channel=somebody.channel.channel_id,
                    user=somebody.user_id,
                    thread_ts=somebody.thread_ts,
                    **shown,
                )
                return
            except (PlaceGone, SlackRefused) as error:
                log.info("told in a direct message", reason=str(error))
        # what a button is about is not in that conversation
        elsewhere = {**shown, "blocks": blocks.leading_away(items(shown.get("blocks")))}
        await self._calls.call(
            client, somebody.workspace, "chat.postMessage", caller=caller, channel=somebody.user_id, **elsewhere
        )

    async def _replied(self, url: str, reply: Mapping[str, object]) -> bool:
        """Whether Slack took it as a reply to what the person did. Calls go to another host, which may be in reach."""
        if not url or not self._around.is_slack(url):
            return False
        try:
            async with self._installs.session.post(url, json=reply, allow_redirects=False) as response:
                told = await response.json(content_type=None) if "json" in response.content_type else None
                return response.status == 200 and mapping(told).get("ok") is not False
        except NOT_TAKEN as error:
            log.info("told by a call", reason=type(error).__name__)
            return False
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DeliveryUncertain(f"response_url: {type(error).__name__}") from None
