"""One call of Slack's Web API: within its pace, and with its failures as ours.

Slack counts per method, workspace and app ("Rate limits"): what is allowed a minute is shared by all our processes. A
call whose turn has not come raises NotYet before anything is sent; the caller waits, and calls again with newer text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.methods import IN_CHANNEL, METHODS
from bots.slack.web_client import NOT_TAKEN, TOKEN_REFUSED, body, replied, retry_after
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import (
    DeliveryError,
    DeliveryFailed,
    DeliveryUncertain,
    Gone,
    NotYet,
    PlaceGone,
    PlatformAway,
)
from core.relay.limits import Allowances
from core.relay.line import Lines

log = logs.get(__name__)

Answer = Mapping[str, object]

_SHUT_SECONDS = 60.0  # until a token that was refused is tried again
_UNKNOWN_RETRY_SECONDS = 5.0  # after a refusal for pace that does not say how long

_ANOTHER_KIND = "not_allowed_token_type"  # of a method that takes no token like ours
# what ends all hope for a place, as the methods' pages list it; so does every `restricted_action…`
_GONE = {
    _ANOTHER_KIND: Gone.CLOSED,
    "access_denied": Gone.PERMISSION,
    "app_missing_action_url": Gone.CLOSED,
    "cannot_dm_bot": Gone.CLOSED,
    "cannot_reply_to_message": Gone.CLOSED,
    "channel_is_archived": Gone.ARCHIVED,
    "channel_not_found": Gone.LEFT,
    "ekm_access_denied": Gone.PERMISSION,
    "enterprise_is_restricted": Gone.PERMISSION,
    "invalid_thread_ts": Gone.DELETED,
    "is_archived": Gone.ARCHIVED,
    "is_bot": Gone.CLOSED,
    "messages_tab_disabled": Gone.CLOSED,
    "missing_scope": Gone.PERMISSION,
    "no_permission": Gone.PERMISSION,
    "not_in_channel": Gone.LEFT,
    "restricted_action_thread_locked": Gone.LOCKED,
    "team_not_found": Gone.CLOSED,
    "thread_not_found": Gone.DELETED,
    "user_not_found": Gone.CLOSED,
    "user_not_in_channel": Gone.LEFT,
}
# what is about us and no place: somebody may mend it, and until then every place and every question meets the same
_SHUT = TOKEN_REFUSED - {_ANOTHER_KIND} | {"accesslimited", "org_login_required", "two_factor_setup_required"}
_MOVING = "team_added_to_org"  # the workspace becomes part of an organisation; until it is, nothing works reliably
_RATE = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Slack says of these that the call may have had its effect
_UNCERTAIN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class SlackRefused(DeliveryFailed):
    """Slack answered `ok: false` with a reason that is about this call. `code` is Slack's word for it."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


class ShutOut(PlatformAway):
    """Slack takes no call of ours in this workspace. `code` is its word for why."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: Slack refuses our token ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class _Shut:
    """A token that was refused, why, and until when it is not tried again."""

    token: str | None
    code: str
    until: float


class Calls:
    """Calls of this process. With a token that was refused none is made for a minute: nobody waits in line for that.

    Raises NotYet, PlaceGone, SlackRefused, PlatformAway, DeliveryUncertain and DeliveryFailed.
    """

    def __init__(self, allowances: Allowances, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._lines = Lines(allowances, clock)
        self._clock = clock
        self._shut: dict[WorkspaceRef, _Shut] = {}

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
        known = METHODS[method]
        lines = {} if known.pace is None else {method: known.pace}
        if method == "chat.postMessage":
            lines[f"{method} {given.get('channel')}"] = IN_CHANNEL
        if (code := self._shut_out_by(client, workspace)) is not None:
            raise ShutOut(method, code)
        for line, pace in lines.items():
            await self._lines.stand(workspace, line, pace, caller)
        try:
            if known.reads:
                response = await replied(client.api_call(method, http_verb="GET", params=given))
            else:
                response = await replied(client.api_call(method, json=given))
        except (SlackApiError, SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = _failure(method, error)
            if known.reads and isinstance(failure, DeliveryUncertain):
                failure = PlatformAway(str(failure))
            if isinstance(failure, NotYet):
                await self._allowances.hold_back(workspace, method, failure.seconds)
            if isinstance(failure, ShutOut):
                self._shut_out(client, workspace, failure.code)
            raise failure from None
        finally:
            for line in lines:
                self._lines.leave(workspace, line, caller)
        return body(response)

    async def patiently(
        self, client: AsyncWebClient, workspace: WorkspaceRef, method: str, *, caller: str, **arguments: object
    ) -> Answer:
        """Call it as soon as its pace allows."""
        while True:
            try:
                return await self.call(client, workspace, method, caller=caller, **arguments)
            except NotYet as error:
                await asyncio.sleep(error.seconds)

    def _shut_out_by(self, client: AsyncWebClient, workspace: WorkspaceRef) -> str | None:
        """Slack's word for why this token is not to be tried now; None where it may be."""
        shut = self._shut.get(workspace)
        if shut is None or shut.token != client.token or shut.until <= self._clock():
            return None
        return shut.code

    def _shut_out(self, client: AsyncWebClient, workspace: WorkspaceRef, code: str) -> None:
        """Remember it, and say what somebody has to mend: once a minute, not for every call that was under way."""
        if self._shut_out_by(client, workspace) is None:
            self._shut[workspace] = _Shut(client.token, code, self._clock() + _SHUT_SECONDS)
            log.warning(
                "Slack refuses our token: questions wait until it is replaced, or the app installed again",
                workspace=workspace.workspace_id,
                reason=code,
            )


def _failure(method: str, error: Exception) -> DeliveryError:
    """What a failed call means. Nothing of Slack's answer but its code goes further."""
    if isinstance(error, SlackApiError):
        return _answered(method, error)
    lost = f"{method}: {type(error).__name__}"
    return PlatformAway(lost) if isinstance(error, NOT_TAKEN) else DeliveryUncertain(lost)


def _answered(method: str, error: SlackApiError) -> DeliveryError:
    response = error.response
    status = getattr(response, "status_code", 200)
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code in _RATE:
        return NotYet(retry_after(getattr(response, "headers", {}), unknown=_UNKNOWN_RETRY_SECONDS))
    if status >= 500 or code in _UNCERTAIN or not code:
        return DeliveryUncertain(f"{method}: {code or status}")
    if code in _SHUT:
        return ShutOut(method, code)
    if code == _MOVING:
        return PlatformAway(f"{method}: {code}")
    gone = _GONE.get(code, Gone.PERMISSION if code.startswith("restricted_action") else None)
    return SlackRefused(method, code) if gone is None else PlaceGone(f"{method}: {code}", gone=gone)
