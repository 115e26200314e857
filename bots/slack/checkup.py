"""Checks of Slack: how it is set up, its tokens, and the scopes that were granted. Nothing is posted or connected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.checkup import last_resorts
from bots.findings import Check, Finding, ok, warning, wrong
from bots.slack import opening
from bots.slack.installation import own_installation
from bots.slack.scopes import SCOPES
from bots.slack.service import configured
from bots.slack.verify import signing_secrets
from bots.slack.web_client import Slack, body, refusal
from core.errors import DeliveryFailed, NotYet, SettingsError
from core.secret import Secret
from core.settings import Settings
from core.wording import code, codes, duration

_INSTALL, _EVENTS, _SCOPES = "Slack install", "Slack events", "Slack scopes"
_BOT, _APP = "Slack bot token", "Slack app token"
_APPS = "https://api.slack.com/apps"
_LATER = "Try again in a few minutes."
_AWAY = "See whether this machine reaches Slack."
_PASSING = frozenset({"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"})


def checks(settings: Settings) -> list[Check]:
    """What is to be looked at; nothing where nothing of Slack is set."""
    if not configured(settings):
        return []
    uses = ("SLACK_", "ASKREPO_SLACK_", "ASKREPO_PUBLIC_URL")
    found = [
        Check(_INSTALL, uses, partial(_told, installing(settings))),
        Check(_EVENTS, uses, partial(_told, hearing(settings))),
    ]
    if settings.slack_bot_token is not None:
        found.append(Check(_BOT, uses, partial(_bot_token, settings.slack_api_url, settings.slack_bot_token)))
    if settings.slack_app_token is not None:
        found.append(Check(_APP, uses, partial(_app_token, settings.slack_api_url, settings.slack_app_token)))
    return found


def installing(settings: Settings) -> Finding:
    """How the app comes into workspaces, as far as the settings tell."""
    if settings.slack_bot_token is not None:
        if settings.slack_client_id is None:
            return ok(_INSTALL, "in one workspace, by `SLACK_BOT_TOKEN`")
        words = "in one workspace, by `SLACK_BOT_TOKEN`; `SLACK_CLIENT_ID` is not used"
        return warning(_INSTALL, words, "Unset one of the two: the first for many workspaces, the second for one.")
    if settings.slack_client_id is None:
        fix = f"Set `SLACK_BOT_TOKEN`: {_APPS} shows it under Install App once the app is installed."
        return wrong(_INSTALL, "neither `SLACK_BOT_TOKEN` nor `SLACK_CLIENT_ID` is set", fix)
    return _by_oauth(settings)


def hearing(settings: Settings) -> Finding:
    """How events reach us, as far as the settings tell."""
    ways = ["Socket Mode"] if settings.slack_app_token is not None else []
    if settings.slack_signing_secret is not None:
        try:
            signing_secrets(settings.slack_signing_secret)
        except SettingsError as error:
            fix = f"Copy it again: {_APPS} shows it under Basic Information."
            return wrong(_EVENTS, f"{code(error.name)}: {error.problem}", fix)
        ways.append(f"HTTP at {settings.public_url or f'port {settings.port}'}")
    if len(ways) > 1 and settings.public_url is None:
        words = "by Socket Mode; over HTTP only where the role `web` is named: `askrepo run` alone leaves it out"
        return warning(_EVENTS, words, "Unset `SLACK_SIGNING_SECRET` for Socket Mode, or `SLACK_APP_TOKEN` for HTTP.")
    if not ways:
        fix = "Set `SLACK_APP_TOKEN` for Socket Mode, or `SLACK_SIGNING_SECRET` for HTTP."
        return wrong(_EVENTS, "Slack has no way to reach this bot", fix)
    return ok(_EVENTS, f"by {' and by '.join(ways)}")


def granted(scopes: Sequence[str]) -> Finding:
    """Whether these scopes are all that the manifest asks for."""
    if not scopes:
        return warning(_SCOPES, "Slack did not say which were granted", _LATER)
    missing = sorted(set(SCOPES) - set(scopes))
    if not missing:
        return ok(_SCOPES, f"all {len(SCOPES)} of the manifest")
    fix = f"Add what is missing at {_APPS}, OAuth & Permissions, and install the app again; then the token may be new."
    return wrong(_SCOPES, f"not granted: {codes(missing)}", fix)


def _by_oauth(settings: Settings) -> Finding:
    if settings.slack_client_secret is None:
        fix = f"Set it: {_APPS} shows it under Basic Information."
        return wrong(_INSTALL, "`SLACK_CLIENT_ID` is set, and `SLACK_CLIENT_SECRET` is not", fix)
    if settings.public_url is None:
        fix = "Set `ASKREPO_PUBLIC_URL` to the https address that leads to this bot."
        return wrong(_INSTALL, "by OAuth, without an address for browsers to come back to", fix)
    if not settings.public_url.startswith("https://"):
        fix = "Let `ASKREPO_PUBLIC_URL` begin with https://, and lead to this bot by TLS."
        return warning(_INSTALL, "by OAuth, and Slack sends browsers back to https addresses alone", fix)
    page, lent = f"{settings.public_url}/slack/install", last_resorts(settings)
    if lent:
        words = f"anybody may install it at {page}, and is answered in their workspace by {lent}"
        return warning(_INSTALL, words, f"Unset {lent}, and set that for each workspace by itself.")
    return ok(_INSTALL, f"in many workspaces, by OAuth at {page}")


async def _told(finding: Finding) -> list[Finding]:
    return [finding]


async def _bot_token(api_url: str, token: Secret) -> list[Finding]:
    slack = Slack(api_url)
    try:
        return _belongs(token, await slack.call(slack.client(token).auth_test()))
    except SlackApiError as error:
        word = refusal(error)
        if word in _PASSING or error.response.status_code >= 429:
            return [warning(_BOT, f"Slack did not say whether it is good ({word})", _LATER)]
        fix = f"Copy the Bot User OAuth Token again, which begins with xoxb-: {_APPS}, Install App."
        return [wrong(_BOT, f"Slack refuses it ({word})", fix)]
    except DeliveryFailed as error:
        return [wrong(_BOT, str(error), _AWAY)]
    finally:
        await slack.close()


def _belongs(token: Secret, reply: AsyncSlackResponse) -> list[Finding]:
    """What a token is good for that Slack knows."""
    own, told = own_installation(token, reply), body(reply)
    if not own.bot_id:
        fix = f"Take the Bot User OAuth Token, which begins with xoxb-: {_APPS}, Install App."
        return [wrong(_BOT, "it is a person's token, not a bot's", fix)]
    return [ok(_BOT, f"{told.get('user')} in {told.get('team')}"), granted(own.scopes)]


async def _app_token(api_url: str, token: Secret) -> list[Finding]:
    slack = Slack(api_url)
    try:
        await opening.asked(slack, token)  # an address that nobody connects to is forgotten by Slack within a minute
    except SettingsError as error:
        fix = f"Make one with the scope connections:write: {_APPS}, Basic Information, App-Level Tokens."
        return [wrong(_APP, error.problem, fix)]
    except NotYet as error:
        return [warning(_APP, "Slack was asked too often to say", f"Try again in {duration(error.seconds)}.")]
    except DeliveryFailed as error:
        return [wrong(_APP, str(error), _AWAY)]
    finally:
        await slack.close()
    return [ok(_APP, "Slack takes it for Socket Mode")]
