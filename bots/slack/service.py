"""Slack's part of a process, put together: what receives, what answers, and the pages of installing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from slack_bolt import BoltResponse
from starlette.routing import BaseRoute, Route

from bots.checkup import last_resorts
from bots.parts import Parts
from bots.slack.app import Handling, app
from bots.slack.asking import Asking
from bots.slack.calls import Calls
from bots.slack.changes import Changes
from bots.slack.commands import Commanding
from bots.slack.delivery import SlackDelivery
from bots.slack.dispatch import Dispatch, dispatched
from bots.slack.guard import Guard
from bots.slack.install import install_routes
from bots.slack.installs import Installs
from bots.slack.managing import Managing
from bots.slack.payload import Payload
from bots.slack.people import People
from bots.slack.pressing import Pressing
from bots.slack.privately import Privately
from bots.slack.replying import Replying
from bots.slack.socket import Socket
from bots.slack.surroundings import Around
from bots.slack.verify import signing_secrets
from bots.slack.web_client import Credentials, Slack
from bots.tasks import Tasks
from core import logs
from core.errors import DeliveryFailed, SettingMissing, SettingsError
from core.relay.steering import Steering, Stop
from core.secret import Secret
from core.settings import Settings

log = logs.get(__name__)

# for Slack to say whose token it is: until then no platform is heard and SIGTERM waits, so it has less than other calls
_FIRST_CALL_SECONDS = 5.0
_LAST_WORDS_SECONDS = 2.0  # for what is still to be said at the end


def configured(settings: Settings) -> bool:
    """Whether anything of Slack is set."""
    return any(
        (
            settings.slack_bot_token,
            settings.slack_client_id,
            settings.slack_client_secret,
            settings.slack_app_token,
            settings.slack_signing_secret,
        )
    )


def credentials(settings: Settings) -> Credentials | None:
    """The app's own, for OAuth; None where one bot token is used. Raises SettingsError for half of them."""
    if settings.slack_bot_token is not None or settings.slack_client_id is None:
        return None
    if settings.slack_client_secret is None:
        raise SettingMissing("SLACK_CLIENT_SECRET", "it is needed with SLACK_CLIENT_ID")
    return Credentials(settings.slack_client_id, settings.slack_client_secret)


async def _check(installs: Installs, token: Secret | None, *, alone: bool) -> None:
    """A bot token that Slack refuses ends the start of what does nothing else; Slack away does not."""
    if token is None:
        return
    refused = ""
    try:
        async with asyncio.timeout(_FIRST_CALL_SECONDS):
            await installs.own(token)
    except SettingsError as error:
        if alone:
            raise
        refused = str(error)
    except (DeliveryFailed, TimeoutError) as error:
        reason = str(error) or f"no answer within {_FIRST_CALL_SECONDS:.0f} seconds"
        log.warning("Slack cannot be asked about SLACK_BOT_TOKEN yet", reason=reason)
    if refused:
        mend = "copy it anew from the app's page OAuth & Permissions at Slack, and start askrepo again"
        log.error("questions in Slack wait", reason=refused, mend=mend)


@dataclass
class SlackService:
    """Slack in this process."""

    settings: Settings
    delivery: SlackDelivery
    routes: list[BaseRoute]
    dispatch: Callable[[Payload, Mapping[str, str]], Awaitable[BoltResponse]]
    tasks: Tasks = field(default_factory=Tasks)

    def socket(self) -> Socket:
        """The Socket Mode side. Raises SettingsError where it is not set up."""
        token = self.settings.slack_app_token
        if token is None:
            raise SettingMissing("SLACK_APP_TOKEN", "it is needed for Socket Mode")
        return Socket(token, self.settings.slack_api_url, self.dispatch)


@contextlib.asynccontextmanager
async def opened(parts: Parts, stop: Stop, *, alone: bool) -> AsyncIterator[SlackService]:
    """Slack's part of this process. `stop` stops what is answered in a thread. Raises SettingsError.

    `alone`: the process does nothing else, so a bot token that Slack refuses is one of those.
    """
    settings = parts.settings
    oauth = credentials(settings)
    if settings.slack_bot_token is None and oauth is None:
        raise SettingMissing("SLACK_BOT_TOKEN", "it is needed, or SLACK_CLIENT_ID for many workspaces")
    slack, tasks = Slack(settings.slack_api_url), Tasks()
    installs = Installs(slack, parts.installations, bot_token=settings.slack_bot_token, credentials=oauth)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(slack.close)
        stack.push_async_callback(tasks.finished, _LAST_WORDS_SECONDS)
        routes = [] if oauth is None else _install_routes(slack, installs, parts, oauth)
        await _check(installs, settings.slack_bot_token, alone=alone)
        calls = Calls(parts.allowances)
        people = People(calls)
        around = Around(calls, people, settings.slack_api_url, page=installs.page)
        privately = Privately(installs, calls, around)
        steering = Steering(parts.threads, parts.history, parts.mappings, parts.revisions, stop, parts.allowances)
        managing = Managing(parts, installs, calls, people, privately, steering, tasks)
        asking = Asking(parts, Replying(privately, tasks), steering, managing.doorman, tasks)
        bolt = app(
            Handling(
                asking,
                Commanding(parts, managing, tasks),
                Pressing(parts, installs, calls, people, managing, tasks, asking, steering),
                Changes(parts, installs, people, privately, tasks),
                installs,
                parts.moves,
                parts.threads,
            )
        )
        if settings.slack_signing_secret is not None:
            guard = Guard(Dispatch(bolt), signing_secrets(settings.slack_signing_secret))
            routes.append(Route("/slack/events", guard))
        delivery = SlackDelivery(installs, calls, people, around, privately)
        yield SlackService(settings, delivery, routes, partial(dispatched, bolt), tasks)


def _install_routes(slack: Slack, installs: Installs, parts: Parts, oauth: Credentials) -> list[BaseRoute]:
    """The pages by which anybody installs the app who knows where they are."""
    given = parts.settings
    if given.public_url is None:
        raise SettingMissing("ASKREPO_PUBLIC_URL", "it is needed for installing by OAuth: browsers come back to it")
    if lent := last_resorts(given):
        log.warning("every workspace that installs the app is answered by these settings", lent=lent)
    return install_routes(
        slack, installs, parts.passes, oauth, public_url=given.public_url, api_url=given.slack_api_url
    )
