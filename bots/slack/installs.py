"""What we may act with in a Slack workspace: the bot token of the settings, or what was installed there by OAuth."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.installation import SlackInstallation, of_stored, own_installation, rotated
from bots.slack.installed import PLATFORM
from bots.slack.web_client import TOKEN_REFUSED, Credentials, Slack, body, refusal, slack_now
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import AskrepoError, PlaceGone, PlatformAway, SettingsError
from core.installations import Installation, Installations, Renewed
from core.secret import Secret

RENEWED_WITH_LEFT = timedelta(hours=2)
_CACHE_SECONDS = 5.0
_REFUSED_SECONDS = 60.0  # until Slack is asked again about a token that it refuses: every waiting question would
_PAGE, _PAGE_OF_MANY = 200, 15
_CACHED = 1_000

log = logs.get(__name__)


class Installs:
    """The installations of this app, ready to use.

    With `bot_token` there is one, never stored: that token's own workspace. Else they are looked up in the store, by
    workspace, then by its organisation. What was read is used again for five seconds: an uninstall ends all use in
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
        self._own_refused: tuple[float, str] | None = None  # when, and by which code of Slack's
        self._asking = asyncio.Lock()
        self._cache: OrderedDict[str, tuple[float, SlackInstallation | None]] = OrderedDict()
        self._changes = 0

    @property
    def page(self) -> int:
        """How many posts of a place one call may ask for.

        Slack may limit an app that many workspaces install to 15 posts a call and one call a minute ("Rate limits":
        commercial apps outside its Marketplace).
        """
        return _PAGE if self._bot_token is not None else _PAGE_OF_MANY

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connections that the clients share."""
        return self._slack.session

    async def client(self, workspace: WorkspaceRef, enterprise_id: str | None = None) -> AsyncWebClient:
        """A client that acts in this workspace.

        Raises what `of` raises, PlatformAway where nothing is installed any more, for it may be again in a minute, and
        PlaceGone where SLACK_BOT_TOKEN belongs to another workspace.
        """
        found = await self.of(workspace, enterprise_id)
        if found is None and self._bot_token is not None and not self._own_ended:
            raise PlaceGone("SLACK_BOT_TOKEN is of another workspace")
        if found is None:
            raise PlatformAway("the app is not installed there")
        organisation_wide = found.team_id is None and workspace != found.workspace
        return self._slack.client(found.bot_token, team_id=workspace.workspace_id if organisation_wide else None)

    async def of(self, workspace: WorkspaceRef, enterprise_id: str | None = None) -> SlackInstallation | None:
        """The installation that acts in this workspace.

        Raises DatabaseError, CipherError, PlatformAway (Slack does not answer, or an expired token cannot be renewed,
        which waits for the app to be installed again) and SettingsError (Slack refuses SLACK_BOT_TOKEN).
        """
        if self._bot_token is not None:
            own = await self.own(self._bot_token)
            return own if not self._own_ended and _covers(own, workspace, enterprise_id) else None
        found = await self._stored(workspace.workspace_id)
        if found is None and enterprise_id is not None and enterprise_id != workspace.workspace_id:
            found = await self._stored(enterprise_id)
        return found

    async def own(self, token: Secret) -> SlackInstallation:
        """What SLACK_BOT_TOKEN belongs to, by one call of the process; one a minute while it is refused."""
        async with self._asking:
            if self._own is None:
                if self._own_refused is not None and self._clock() - self._own_refused[0] < _REFUSED_SECONDS:
                    raise _refused(self._own_refused[1])
                try:
                    reply = await self._slack.call(self._slack.client(token).auth_test())
                except SlackApiError as error:
                    code = refusal(error)
                    if code not in TOKEN_REFUSED:
                        raise PlatformAway(f"auth.test: {code}") from None
                    self._own_refused = self._clock(), code
                    raise _refused(code) from None
                self._own = own_installation(token, reply)
                self._own_since = slack_now(reply)
            return self._own

    async def known(self, workspace: WorkspaceRef) -> SlackInstallation | None:
        """What is kept of this workspace's installation, its token not renewed; of one token's, whichever it is."""
        if self._bot_token is not None:
            return self._own
        stored = await self._installations.of(workspace)
        return None if stored is None else of_stored(stored)

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
        known = await self.known(workspace)
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
        if (
            found is not None and changes == self._changes
        ):  # else what was read may be older than what we were told meanwhile
            self._cache[workspace_id] = (self._clock(), found)
            self._cache.move_to_end(workspace_id)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return found

    async def _renewed(self, workspace: WorkspaceRef, stored: Installation) -> SlackInstallation | None:
        """The installation with a token that is good for a while. Raises PlatformAway if it has none any more."""
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
            raise PlatformAway("a token that rotates cannot be renewed without SLACK_CLIENT_ID and its secret")
        try:
            reply = await self._slack.exchange(
                self._credentials, grant_type="refresh_token", refresh_token=known.refresh_token.reveal()
            )
        except SlackApiError as error:
            raise PlatformAway(f"Slack did not renew the token: {refusal(error)}") from None
        fresh = rotated(body(reply), datetime.now(UTC))
        if fresh is None:
            raise PlatformAway("Slack's reply holds no token")
        changed = replace(known, bot_token=fresh.bot_token, refresh_token=fresh.refresh_token)
        return Renewed(changed.payload(), fresh.expires_at)

    def _forget(self, workspace_id: str) -> None:
        self._changes += 1
        self._cache.pop(workspace_id, None)


def _refused(code: str) -> SettingsError:
    return SettingsError("SLACK_BOT_TOKEN", f"Slack refuses it ({code})")


def _covers(own: SlackInstallation, workspace: WorkspaceRef, enterprise_id: str | None) -> bool:
    """Whether the one installation acts in this workspace: it is its own, or of its organisation."""
    return own.workspace == workspace or (own.team_id is None and own.enterprise_id == enterprise_id)


def _expired(installation: SlackInstallation | None) -> bool:
    expires_at = None if installation is None else installation.expires_at
    return expires_at is not None and expires_at <= datetime.now(UTC)


def _due(installation: SlackInstallation) -> bool:
    expires_at = installation.expires_at
    return expires_at is not None and expires_at - datetime.now(UTC) < RENEWED_WITH_LEFT
