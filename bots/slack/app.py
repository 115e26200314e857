"""Bolt's app: one listener for each kind of delivery, and nothing decided here.

Slack is acknowledged by Bolt once a listener has returned (`process_before_response`): what raises is answered 500, and
Slack sends it again. Bolt is given no token: what acts in a workspace is looked up when something is to be done there.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult

from bots.slack import deletions
from bots.slack.asking import Asking
from bots.slack.changes import Changes
from bots.slack.commands import Commanding
from bots.slack.guard import Tally
from bots.slack.ignored import Ignored, Reason
from bots.slack.incoming import Asked, Bare, Deleted, Edited, Incoming, Worded, of_event
from bots.slack.installs import Installs
from bots.slack.interactions import Clicked, Commanded, Shortcut, Submitted, of_command, of_interaction
from bots.slack.lifecycle import HomeOpened, SessionStopped
from bots.slack.pressing import Pressing
from bots.slack.whose import readdressed, replied_to_others, told_to_others
from core import logs
from core.channels import grammar
from core.channels.moves import Moves
from core.conversation.threads import Threads
from core.errors import DatabaseError

_EVERY = re.compile(".*", re.DOTALL)
_RETRIES = 3  # of an event that was not taken, within six minutes

log = logs.get(__name__)


class Handling:
    """What is done with each delivery. Raises DatabaseError: then Slack is to send it again."""

    def __init__(
        self,
        asking: Asking,
        commanding: Commanding,
        pressing: Pressing,
        changes: Changes,
        installs: Installs,
        moves: Moves,
        threads: Threads,
    ) -> None:
        self._asking = asking
        self._commanding = commanding
        self._pressing = pressing
        self._changes = changes
        self._installs = installs
        self._moves = moves
        self._threads = threads

    async def event(self, body: Mapping[str, object], *, last: bool = False) -> None:
        """An event of the Events API; `last`: Slack sends it no more."""
        await self._taken(of_event(body), body, last=last)
        for theirs in await told_to_others(body, self._moves, self._installs):
            found = of_event(theirs)
            if isinstance(found, Edited):
                found = replace(found, mentioned=False)  # a mention that was added is asked once, and by its own event
            await self._taken(found, theirs, last=last)

    async def _asked(self, asked: Asked, body: Mapping[str, object], *, last: bool) -> None:
        """A question. A reply that calls nobody, and is for nobody here, may be in another workspace's thread."""
        if await self._asking.asked(asked, last=last) or asked.mentioned or asked.direct:
            return
        for theirs in await replied_to_others(body, asked.question.thread, self._threads, self._installs):
            found = of_event(theirs)
            if isinstance(found, Asked) and await self._asking.asked(found, last=last):
                return

    async def _taken(self, incoming: Incoming, body: Mapping[str, object], *, last: bool) -> None:
        match incoming:
            case Ignored(Reason.ANOTHER_BOT):
                await self._of_another(body, last=last)
            case Ignored(reason):
                log.debug("ignored", reason=reason.value)
            case Asked() as asked:
                await self._asked(asked, body, last=last)
            case Bare() as bare:
                await self._asking.bare(bare)
            case Worded() as worded:
                await self._asking.worded(worded)
            case Edited() as edited:
                await self._asking.edited(edited, last=last)
            case Deleted() as deleted:
                await self._asking.deleted(deleted, deletions.asked(body))
            case SessionStopped() as stopped:
                await self._asking.stopped(stopped)
            case HomeOpened() as opened:
                await self._pressing.home_opened(opened)
            case happened:
                await self._changes.happened(happened, body)

    async def _of_another(self, body: Mapping[str, object], *, last: bool) -> None:
        """A mention of the app's bot in another workspace than it was delivered for; never taken as this one's."""
        theirs = await readdressed(body, self._installs)
        if theirs is None:
            log.info("ignored", reason=Reason.ANOTHER_BOT.value)
        else:
            await self.event(theirs, last=last)

    async def command(self, body: Mapping[str, object]) -> None:
        """A slash command: a question, or something to be carried out."""
        command = of_command(body)
        if not isinstance(command, Commanded):
            log.info("ignored", reason=command.reason.value)
            return
        match grammar.parse(command.text):
            case grammar.Ask(text):
                await self._asking.commanded(command, text)
            case parsed:
                await self._commanding.commanded(command, parsed)

    async def interaction(self, body: Mapping[str, object]) -> Mapping[str, str] | None:
        """A shortcut, a click or a form. Errors of a form, by block; None where there are none."""
        match of_interaction(body):
            case Shortcut() as shortcut:
                await self._pressing.shortcut(shortcut)
            case Clicked() as clicked:
                await self._pressing.clicked(clicked)
            case Submitted() as submitted:
                return await self._pressing.submitted(submitted)
            case Ignored(reason):
                log.debug("ignored", reason=reason.value)
        return None


def app(handling: Handling) -> AsyncApp:
    """The app, with every kind of delivery listened to: what nobody listens to, Bolt answers 404, and Slack repeats."""
    quiet = logging.getLogger("slack_bolt.askrepo")  # it logs whole bodies
    quiet.setLevel(logging.ERROR)
    bolt = AsyncApp(
        name="askrepo",  # without one it looks through the stack for a file to be named after: 0.1 seconds
        logger=quiet,
        authorize=_authorized,
        signing_secret="",
        process_before_response=True,
    )

    async def event(body: dict[str, object], request: AsyncBoltRequest) -> BoltResponse | None:
        return await _unless_away(handling.event(body, last=_is_last(request)))

    async def command(ack: AsyncAck, body: dict[str, object]) -> BoltResponse | None:
        return await _unless_away(handling.command(body)) or await ack()

    async def interaction(ack: AsyncAck, body: dict[str, object]) -> BoltResponse | None:
        try:
            errors = await handling.interaction(body)
        except DatabaseError as error:
            return _away(error)
        return await (ack(response_action="errors", errors=dict(errors)) if errors else ack())

    tally = Tally()

    async def not_held_back(body: dict[str, object], next_: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
        """Slack tells beside its events that it holds some back, and Bolt has no listener for that."""
        if body.get("type") != "app_rate_limited":
            return await next_()
        workspace = str(body.get("team_id"))
        if count := tally.due(workspace, time.monotonic()):
            log.warning("slack holds events back", workspace=workspace, count=count)
        return BoltResponse(status=200)

    bolt.middleware(not_held_back)
    bolt.event(_EVERY)(event)
    bolt.command(_EVERY)(command)
    for listen in (bolt.shortcut, bolt.action, bolt.view, bolt.view_closed, bolt.options):
        listen(_EVERY)(interaction)
    return bolt


async def _unless_away(work: Awaitable[None]) -> BoltResponse | None:
    try:
        await work
    except DatabaseError as error:
        return _away(error)
    return None


def _is_last(request: AsyncBoltRequest) -> bool:
    attempt = next(iter(request.headers.get("x-slack-retry-num", ())), "")
    return attempt.isdecimal() and int(attempt) >= _RETRIES


def _away(error: DatabaseError) -> BoltResponse:
    """Slack sends it again, and a person who waits reads that it failed."""
    log.warning("not taken", reason=str(error))
    return BoltResponse(status=503)


async def _authorized(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="")
