"""What we may act with in a Slack workspace: the bot token of the settings, or what was installed there by OAuth."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.installed import PLATFORM
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import AskrepoError, DeliveryFailed, PlaceGone, SettingsError
from core.installations import Installation, Installations, Renewed
from core.secret import Secret

RENEWED_WITH_LEFT = timedelta(hours=2)
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_CACHE_SECONDS = 30.0
_CACHED = 1_000

log = logs.get(__name__)

_quiet = logging.getLogger("slack_sdk.askrepo")  # at DEBUG the SDK logs tokens, codes and whole bodies
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class SlackInstallation:
    """An app installed in a workspace, or in a whole organisation (then `team_id` is None).

    `refresh_token` and `expires_at` are None unless the app rotates its tokens.
    """

    bot_token: Secret
    bot_user_id: str
    bot_id: str
    app_id: str
    team_id: str | None
    enterprise_id: str | None
    scopes: tuple[str, ...]
    refresh_token: Secret | None = None
    expires_at: datetime | None = None

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace it is kept under: the team's id, or of an organisation its own."""
        return WorkspaceRef(PLATFORM, self.team_id or self.enterprise_id or "")

    def payload(self) -> Secret:
        """What is stored, as JSON; `expires_at` has a column of its own."""
        refresh = None if self.refresh_token is None else self.refresh_token.reveal()
        plain = {
            "bot_token": self.bot_token.reveal(),
            "refresh_token": refresh,
            "bot_user_id": self.bot_user_id,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "team_id": self.team_id,
            "enterprise_id": self.enterprise_id,
            "scopes": self.scopes,
        }
        return Secret(json.dumps(plain))


def of_stored(stored: Installation) -> SlackInstallation:
    """The installation of a payload."""
    plain = json.loads(stored.payload.reveal())
    refresh = plain["refresh_token"]
    return SlackInstallation(
        **plain
        | {
            "bot_token": Secret(plain["bot_token"]),
            "refresh_token": None if refresh is None else Secret(refresh),
            "scopes": tuple(plain["scopes"]),
            "expires_at": stored.expires_at,
        }
    )


@dataclass(frozen=True, slots=True)
class Rotated:
    """The token part of an `oauth.v2.access` reply, of a code's exchange and of a refresh token's alike."""

    bot_token: Secret
    refresh_token: Secret | None
    expires_at: datetime | None


def rotated(reply: Mapping[str, object], now: datetime) -> Rotated | None:
    """The tokens of a reply; None if it holds no bot token."""
    token, refresh, seconds = (reply.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not isinstance(token, str) or not token or reply.get("token_type") != "bot":
        return None
    if isinstance(refresh, str) and isinstance(seconds, int):
        return Rotated(Secret(token), Secret(refresh), now + timedelta(seconds=seconds))
    return Rotated(Secret(token), None, None)


def slack_now(reply: AsyncSlackResponse) -> datetime:
    """When Slack sent this reply, by its own clock, to the second: its events carry that clock's seconds too."""
    try:
        at = parsedate_to_datetime(next(value for name, value in reply.headers.items() if name.lower() == "date"))
    except (StopIteration, ValueError):
        return datetime.now(UTC).replace(microsecond=0)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's own, for OAuth."""

    client_id: str
    client_secret: Secret


class Slack:
    """One process's way to Slack's Web API: one pool of connections, no retries, no proxy of the environment.

    Whether a call is worth repeating is for the caller to know; a retry in between would post twice.
    """

    def __init__(self, api_url: str) -> None:
        self._api_url = f"{api_url}/"
        self._session: aiohttp.ClientSession | None = None

    def client(self, token: Secret | None = None, *, team_id: str | None = None) -> AsyncWebClient:
        """A client on the shared connections. `team_id` goes with every call: an organisation's token needs it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False)
        client = AsyncWebClient(
            token=None if token is None else token.reveal(),
            base_url=self._api_url,
            session=self._session,
            team_id=team_id,
            retry_handlers=[],
            logger=_quiet,
        )
        client.proxy = None  # the constructor takes it from the environment
        return client

    async def exchange(self, credentials: Credentials, **given: str) -> AsyncSlackResponse:
        """`oauth.v2.access` with the app's credentials in the header. Raises what `call` raises."""
        named = f"{credentials.client_id}:{credentials.client_secret.reveal()}"
        headers = {"Authorization": f"Basic {base64.b64encode(named.encode()).decode()}"}
        return await self.call(self.client().api_call("oauth.v2.access", data=given, headers=headers))

    async def call(self, request: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
        """A call's reply. Raises SlackApiError where Slack says no, DeliveryFailed where it does not answer."""
        try:
            return await request
        except SlackApiError as error:
            if isinstance(error.response, AsyncSlackResponse) and isinstance(error.response.data, dict):
                raise
            raise DeliveryFailed("Slack's reply is no JSON") from None
        except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, ValueError) as error:
            raise DeliveryFailed(f"Slack cannot be reached: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class Installs:
    """The installations of this app, ready to use.

    With `bot_token` there is one, never stored: that token's own workspace. Else they are looked up in the store, by
    workspace, then by its organisation. What was read is used again for half a minute: an uninstall ends all use in
    this process at once, and elsewhere within that time. A token with less than two hours left is renewed.
    """

    def __init__(
        self,
        slack: Slack,
        installations: Installations,
        *,
        bot_token: Secret | None = None,
        credentials: Credentials | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slack = slack
        self._installations = installations
        self._bot_token = bot_token
        self._credentials = credentials
        self._clock = clock
        self._own: SlackInstallation | None = None
        self._own_since = datetime.now(UTC)
        self._own_ended = False
        self._asking = asyncio.Lock()
        self._cache: OrderedDict[str, tuple[float, SlackInstallation | None]] = OrderedDict()
        self._changes = 0

    async def client(self, workspace: WorkspaceRef, enterprise_id: str | None = None) -> AsyncWebClient:
        """A client that acts in this workspace. Raises PlaceGone where nothing is installed, and what `of` raises."""
        found = await self.of(workspace, enterprise_id)
        if found is None:
            raise PlaceGone("the app is not installed there")
        organisation_wide = found.team_id is None and workspace != found.workspace
        return self._slack.client(found.bot_token, team_id=workspace.workspace_id if organisation_wide else None)

    async def of(self, workspace: WorkspaceRef, enterprise_id: str | None = None) -> SlackInstallation | None:
        """The installation that acts in this workspace.

        Raises DatabaseError, CipherError, DeliveryFailed (Slack does not answer, or an expired token cannot be
        renewed) and SettingsError (Slack refuses SLACK_BOT_TOKEN).
        """
        if self._bot_token is not None:
            own = await self.own(self._bot_token)
            return own if not self._own_ended and _covers(own, workspace, enterprise_id) else None
        found = await self._stored(workspace.workspace_id)
        if found is None and enterprise_id is not None and enterprise_id != workspace.workspace_id:
            found = await self._stored(enterprise_id)
        return found

    async def own(self, token: Secret) -> SlackInstallation:
        """What SLACK_BOT_TOKEN belongs to, by one call in the life of the process."""
        async with self._asking:
            if self._own is None:
                try:
                    reply = await self._slack.call(self._slack.client(token).auth_test())
                except SlackApiError as error:
                    raise SettingsError("SLACK_BOT_TOKEN", f"Slack refuses it ({refusal(error)})") from None
                self._own = own_installation(token, reply)
                self._own_since = slack_now(reply)
            return self._own

    async def uninstalled(self, workspace: WorkspaceRef, at: datetime) -> None:
        """The app was removed there, by Slack's clock at `at`. An installation made later stays."""
        if self._bot_token is not None:
            ours = self._own is not None and self._own.workspace == workspace
            self._own_ended = self._own_ended or (ours and at >= self._own_since)
            return
        self._forget(workspace.workspace_id)
        await self._installations.revoke(workspace, before=at)
        self._forget(workspace.workspace_id)
        log.info("uninstalled", workspace=workspace.workspace_id)

    async def revoked(self, workspace: WorkspaceRef, bot_user_ids: tuple[str, ...], at: datetime) -> None:
        """The tokens of these bot users were revoked, by Slack's clock at `at`; of all where none is named."""
        if self._bot_token is not None:
            known = self._own
        else:
            stored = await self._installations.of(workspace)
            known = None if stored is None else of_stored(stored)
        if not bot_user_ids or known is None or known.bot_user_id in bot_user_ids:
            await self.uninstalled(workspace, at)

    async def installed(self, installation: SlackInstallation, at: datetime) -> None:
        """Keep an installation made at `at`, by Slack's clock."""
        await self._installations.save(
            installation.workspace, installation.payload(), installed_at=at, expires_at=installation.expires_at
        )
        self._forget(installation.workspace.workspace_id)
        log.info("installed", workspace=installation.workspace.workspace_id)

    async def _stored(self, workspace_id: str) -> SlackInstallation | None:
        cached = self._cache.get(workspace_id)
        if cached is not None and self._clock() - cached[0] < _CACHE_SECONDS and not _expired(cached[1]):
            return cached[1]
        changes = self._changes
        workspace = WorkspaceRef(PLATFORM, workspace_id)
        stored = await self._installations.of(workspace)
        found = None if stored is None else await self._renewed(workspace, stored)
        if changes == self._changes:  # else what was read may be older than what we were told meanwhile
            self._cache[workspace_id] = (self._clock(), found)
            self._cache.move_to_end(workspace_id)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return found

    async def _renewed(self, workspace: WorkspaceRef, stored: Installation) -> SlackInstallation | None:
        """The installation with a token that is good for a while. Raises DeliveryFailed if it has none any more."""
        known = of_stored(stored)
        if not _due(known):
            return known
        try:
            renewed = await self._installations.renew(workspace, stored, self._exchange)
        except AskrepoError as error:
            log.warning("token not renewed", workspace=workspace.workspace_id, reason=str(error))
            if stored.expired:
                raise
            return known
        return None if renewed is None else of_stored(renewed)

    async def _exchange(self, payload: Secret) -> Renewed:
        """One exchange of the refresh token, which works once."""
        known = of_stored(Installation(payload, 0, datetime.now(UTC), None))
        if self._credentials is None or known.refresh_token is None:
            raise DeliveryFailed("a token that rotates cannot be renewed without SLACK_CLIENT_ID and its secret")
        try:
            reply = await self._slack.exchange(
                self._credentials, grant_type="refresh_token", refresh_token=known.refresh_token.reveal()
            )
        except SlackApiError as error:
            raise DeliveryFailed(f"Slack did not renew the token: {refusal(error)}") from None
        fresh = rotated(body(reply), datetime.now(UTC))
        if fresh is None:
            raise DeliveryFailed("Slack's reply holds no token")
        changed = replace(known, bot_token=fresh.bot_token, refresh_token=fresh.refresh_token)
        return Renewed(changed.payload(), fresh.expires_at)

    def _forget(self, workspace_id: str) -> None:
        self._changes += 1
        self._cache.pop(workspace_id, None)


def body(reply: AsyncSlackResponse) -> Mapping[str, object]:
    """The JSON object of a reply."""
    return reply.data if isinstance(reply.data, dict) else {}


def refusal(error: SlackApiError) -> str:
    """Slack's code for its refusal, such as `invalid_code`; nothing else of the reply, which may hold a token."""
    given = body(error.response).get("error")
    code = given if isinstance(given, str) else "no reason"
    return "".join(each for each in code if each.isalnum() or each in "_ ")[:60]


def own_installation(token: Secret, reply: AsyncSlackResponse) -> SlackInstallation:
    """The installation behind a bot token, as `auth.test` tells it."""
    told = body(reply)

    def given(name: str) -> str:
        value = told.get(name)
        return value if isinstance(value, str) else ""

    organisation_wide = told.get("is_enterprise_install") is True
    return SlackInstallation(
        bot_token=token,
        bot_user_id=given("user_id"),
        bot_id=given("bot_id"),
        app_id=given("app_id"),
        team_id=None if organisation_wide else given("team_id") or None,
        enterprise_id=given("enterprise_id") or None,
        scopes=tuple(filter(None, reply.headers.get("x-oauth-scopes", "").replace(" ", "").split(","))),
    )


def _covers(own: SlackInstallation, workspace: WorkspaceRef, enterprise_id: str | None) -> bool:
    """Whether the one installation acts in this workspace: it is its own, or of its organisation."""
    return own.workspace == workspace or (own.team_id is None and own.enterprise_id == enterprise_id)


def _expired(installation: SlackInstallation | None) -> bool:
    expires_at = None if installation is None else installation.expires_at
    return expires_at is not None and expires_at <= datetime.now(UTC)


def _due(installation: SlackInstallation) -> bool:
    expires_at = installation.expires_at
    return expires_at is not None and expires_at - datetime.now(UTC) < RENEWED_WITH_LEFT
