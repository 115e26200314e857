"""Asking Slack for the address of a connection, and what makes that hopeless."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from bots.slack.web_client import Slack, body, refusal, retry_after
from core.errors import DeliveryFailed, NotYet, SettingsError
from core.secret import Secret

SETTING = "SLACK_APP_TOKEN"
_UNKNOWN_RETRY_SECONDS = 30.0

_SWITCHED_OFF = "Socket Mode is switched off in the app's settings at Slack; switch it on, or unset this for HTTP"
_HOPELESS = {
    "not_enabled": _SWITCHED_OFF,
    "socket_mode_not_enabled": _SWITCHED_OFF,
    "missing_scope": "Slack refuses it: it lacks the scope connections:write",
    "not_allowed_token_type": "Slack refuses it: it must be an app-level token, which begins with xapp-",
    **{
        code: f"Slack refuses it ({code})"
        for code in (
            "access_denied", "account_inactive", "forbidden_team", "invalid_auth", "no_permission", "not_authed",
            "org_login_required", "team_access_not_granted", "team_disabled", "token_expired", "token_revoked",
            "user_removed_from_team",
        )
    },
}  # fmt: skip


async def asked(slack: Slack, token: Secret) -> Secret:
    """A fresh address: the ticket in it is as good as a token, and works once.

    Raises SettingsError where it can never work, NotYet, and DeliveryFailed.
    """
    try:
        reply = await slack.call(slack.client().apps_connections_open(app_token=token.reveal()))
    except SlackApiError as error:
        code = refusal(error)
        if problem := _HOPELESS.get(code):
            raise SettingsError(SETTING, problem) from None
        if code == "ratelimited" or error.response.status_code == 429:
            raise NotYet(retry_after(error.response.headers, unknown=_UNKNOWN_RETRY_SECONDS)) from None
        raise DeliveryFailed(f"apps.connections.open: {code}") from None
    url = body(reply).get("url")
    if not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
        raise DeliveryFailed("apps.connections.open: no address")
    return Secret(url)


def switched_off() -> SettingsError:
    """Socket Mode ended for good while we were connected."""
    return SettingsError(SETTING, _SWITCHED_OFF)
