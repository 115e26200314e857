"""Pure: an installation of our app in Slack, as it is stored and as Slack tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.installed import PLATFORM
from bots.slack.web_client import body
from core.conversation.values import WorkspaceRef
from core.installations import Installation
from core.secret import Secret


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
