"""One call of Slack's Web API: within its pace, and with its failures as ours.

Slack counts per method, workspace and app ("Rate limits"): what is allowed a minute is shared by all our processes. A
call whose turn has not come raises NotYet before anything is sent; the caller waits, and calls again with newer text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.web_client import retry_after
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import (
    AllowanceSpent,
    DeliveryError,
    DeliveryFailed,
    DeliveryUncertain,
    NotYet,
    PlaceGone,
    PlatformAway,
)
from core.relay.limits import FURTHEST_SECONDS, Allowances

log = logs.get(__name__)

Answer = Mapping[str, object]

_SOON_SECONDS = 0.05  # a slot this near is now
_STALE_SECONDS = 600.0
_UNKNOWN_RETRY_SECONDS = 5.0  # after a refusal for pace that does not say how long

# what ends all hope for a place, as the methods' pages list it; so does every `restricted_action…`
_GONE = frozenset(
    {
        "access_denied",
        "account_inactive",
        "app_missing_action_url",
        "cannot_dm_bot",
        "cannot_reply_to_message",
        "channel_is_archived",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "invalid_thread_ts",
        "is_archived",
        "is_bot",
        "messages_tab_disabled",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "team_access_not_granted",
        "team_not_found",
        "thread_not_found",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "user_not_found",
        "user_not_in_channel",
    }
)
_RATE = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Slack says of these that the call may have had its effect
_UNCERTAIN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class SlackRefused(DeliveryFailed):
    """Slack answered `ok: false` with a reason that is about this call. `code` is Slack's word for it."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a method may be called in one workspace: in any minute `per_minute` and `burst` together.

    A call that is not due `within` so many seconds takes no place in the line.
    """

    per_minute: float
    burst: int
    within: float = FURTHEST_SECONDS


# a little below the tiers: Slack counts in windows of its own, and other calls of the app count too
_TIER_2, _TIER_3, _TIER_4 = Pace(15, 4), Pace(40, 8), Pace(80, 15)
_PACES = {
    "chat.startStream": replace(_TIER_2, within=1.0),  # a post is as good a beginning
    "chat.stopStream": _TIER_2,
    "chat.appendStream": _TIER_4,
    "chat.update": _TIER_3,
    "chat.delete": _TIER_3,
    "chat.postEphemeral": _TIER_4,
    "chat.postMessage": Pace(200, 20),
    "conversations.info": _TIER_3,
    "conversations.replies": _TIER_3,
    "conversations.history": _TIER_3,
    "conversations.open": _TIER_3,
    "users.info": _TIER_4,
    "views.open": _TIER_4,
    "views.update": _TIER_4,
    "views.publish": _TIER_4,
    "files.getUploadURLExternal": _TIER_4,
    "files.completeUploadExternal": _TIER_4,
    "files.delete": _TIER_3,
    "assistant.threads.setStatus": Pace(200, 30),
}
_READING = frozenset(  # these take no JSON
    {
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "users.info",
    }
)
_IN_CHANNEL = Pace(50, 5)  # posts: about one a second and channel


class Calls:
    """Calls of this process. Raises NotYet, PlaceGone, SlackRefused, DeliveryUncertain and DeliveryFailed."""

    def __init__(self, allowances: Allowances, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._clock = clock
        self._slots: dict[tuple[WorkspaceRef, str, str], float] = {}

    async def call(
        self,
        client: AsyncWebClient,
        workspace: WorkspaceRef,
        method: str,
        *,
        caller: str,
        **arguments: object,
    ) -> Answer:
        """Call it now, or raise NotYet. `caller` holds one place in the line at a time; a turn's id, mostly."""
        given = {name: value for name, value in arguments.items() if value is not None}
        if method in _PACES:
            await self._in_line(workspace, method, _PACES[method], caller)
        if method == "chat.postMessage":
            await self._in_line(workspace, f"{method} {given.get('channel')}", _IN_CHANNEL, caller)
        try:
            if method in _READING:
                response = await client.api_call(method, http_verb="GET", params=given)
            else:
                response = await client.api_call(method, json=given)
        except (SlackApiError, SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = _failure(method, error)
            if isinstance(failure, NotYet):
                await self._allowances.hold_back(workspace, method, failure.seconds)
            raise failure from None
        finally:
            self._slots.pop((workspace, method, caller), None)
            self._slots.pop((workspace, f"{method} {given.get('channel')}", caller), None)
        return response.data if isinstance(response.data, dict) else {}

    async def patiently(
        self, client: AsyncWebClient, workspace: WorkspaceRef, method: str, *, caller: str, **arguments: object
    ) -> Answer:
        """Call it as soon as its pace allows."""
        while True:
            try:
                return await self.call(client, workspace, method, caller=caller, **arguments)
            except NotYet as error:
                await asyncio.sleep(error.seconds)

    async def _in_line(self, workspace: WorkspaceRef, name: str, pace: Pace, caller: str) -> None:
        """Return once this caller's slot has come; a slot is kept while its caller comes back for it."""
        key = (workspace, name, caller)
        now = self._clock()
        due = self._slots.get(key)
        if due is None or now - due > _STALE_SECONDS:
            due = now + await self._reserved(workspace, name, pace)
        elif due <= now + _SOON_SECONDS and await self._allowances.held_back(workspace, name):
            due = now + await self._reserved(workspace, name, pace)  # Slack has asked for a pause meanwhile
        self._slots[key] = due
        if due > now + _SOON_SECONDS:
            raise NotYet(due - now)

    async def _reserved(self, workspace: WorkspaceRef, name: str, pace: Pace) -> float:
        self._forget_stale()
        try:
            return await self._allowances.reserve(
                workspace, name, per_minute=pace.per_minute, burst=pace.burst, within=pace.within
            )
        except AllowanceSpent:
            raise NotYet(_STALE_SECONDS / 10) from None

    def _forget_stale(self) -> None:
        """Places that nobody came back for."""
        past = self._clock() - _STALE_SECONDS
        for key in [key for key, due in self._slots.items() if due < past]:
            del self._slots[key]


def _failure(method: str, error: Exception) -> DeliveryError:
    """What a failed call means. Nothing of Slack's answer but its code goes further."""
    match error:
        case SlackApiError():
            return _answered(method, error)
        case aiohttp.ClientConnectorError():
            return PlatformAway(f"{method}: no connection")
    return DeliveryUncertain(f"{method}: {type(error).__name__}")


def _answered(method: str, error: SlackApiError) -> DeliveryError:
    response = error.response
    status = getattr(response, "status_code", 200)
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code in _RATE:
        return NotYet(retry_after(getattr(response, "headers", {}), unknown=_UNKNOWN_RETRY_SECONDS))
    if status >= 500 or code in _UNCERTAIN or not code:
        return DeliveryUncertain(f"{method}: {code or status}")
    gone = code in _GONE or code.startswith("restricted_action")
    return PlaceGone(f"{method}: {code}") if gone else SlackRefused(method, code)
