"""A strict Slack over real sockets: Web API, events, Socket Mode, commands, modals, streaming, tiers, OAuth.

    async with FakeSlack() as slack:                       # leaving raises if a documented limit was broken
        team = slack.team()                                # enterprise="E1" for one of a grid
        askrepo = slack.install(team)                      # .token .bot .scopes; slack.app holds the app's credentials
        alice = slack.user(team, "alice")                  # guest="restricted", admin=True, bot=True, …
        general = slack.channel(team, "general", alice)    # kind="private" | "im" | "mpim", shared_with=[other team]
        slack.url = "http://127.0.0.1:1234/slack/events"   # the app's; or slack.transport = "socket"
        question = await slack.says(alice, general, f"{askrepo.bot} where is x?")  # returns once it is acknowledged
        await slack.until(lambda: len(slack.thread(general, question.ts)) == 2)
        assert slack.thread(general, question.ts)[1].body == "It lives in y."

The app is pointed at `slack.api_url`. What people do: `says edits deletes unfurls stops joins leaves kicks_bot
invites_bot archives renames changes_id shares uninstalls opens_home command shortcut clicks submits closes`; for
anything else `deliver(event, installation, channel)`. What they see: `thread posts ephemerals home modal status`.
What the app did: `calls`, `called(method)`. What it failed to acknowledge is in `deliveries`, and comes again by
`retries()`, on the clock that `advance` moves and `freeze` stops. `fail(method, …)` spoils calls.

A broken limit is in `violations` and fails the test on leaving, unless `allows(code)`. Codes are Slack's errors, and
the fake's own: `ping` (see `allows_pings_of`), `not_acknowledged`, `called_inside_retry_after`, `missing_text`,
`missing_blocks`, `used_url`, `spent_ticket`, `too_many_websockets`, `acknowledged_twice`, `invalid_frame`,
`unexpected_payload`, `invalid_view_errors`, `invalid_view_response`, `upload_length`, `token_in_address`,
`invalid_json`, `invalid_authorize_url`.

To turn: `tiers.on`, `tiers.burst`, `native_streaming` with `streaming_refusal`, `stream_characters`,
`restricted_history`, `subscriptions`, `echoes`, `pushing.deadline`, `app.rotation`, `app.redirect_uris`,
`sockets.deaf`; `sockets.disconnect(reason)`, `sockets.cut()`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Self

from aiohttp import web

from tests.fakes.slack_faults import Drop, Fault, Faults
from tests.fakes.slack_interactions import Interactions
from tests.fakes.slack_oauth import agree
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Team, User
from tests.fakes.slack_web import Web

_BODY = 10 << 20


class FakeSlack(Interactions):
    """One Slack with one app. See the module's text."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """What ASKREPO_SLACK_API_URL is set to."""
        return f"{self.base}/api/"

    @property
    def url(self) -> str:
        """The app's request URL for events, commands and interactions."""
        return self.pushing.url

    @url.setter
    def url(self, url: str) -> None:
        self.pushing.url = url

    @property
    def transport(self) -> Literal["http", "socket"]:
        """How payloads reach the app."""
        return self.pushing.transport

    @transport.setter
    def transport(self, transport: Literal["http", "socket"]) -> None:
        self.pushing.transport = transport

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was pushed to the app, with what became of it."""
        return self.pushing.deliveries

    async def retries(self) -> list[Delivery]:
        """Deliver again what was not acknowledged and is due by now: at once, after 1 minute, after 5 minutes."""
        return await self.pushing.retries()

    def fail(
        self,
        method: str,
        *,
        error: str = "",
        status: int = 200,
        retry_after: int | None = None,
        html: bool = False,
        drop: Drop = "",
        hold: asyncio.Event | None = None,
        times: int = 1,
        after: int = 0,
        applied: bool = False,
        at: str = "",
        body: bytes | None = None,
        media: str = "application/json",
        **more: Any,
    ) -> Fault:
        """Spoil the next `times` calls of a method, after `after` good ones; -1 is for ever.

        `error`: ok:false with `more`. `status`, `retry_after`: of the reply. `html`: a page instead of JSON. `body`:
        these octets instead, said to be of the type `media`. `drop`: the connection is reset before or after the call
        took effect, or it takes effect and is never answered ("silence"). `applied`: it takes effect, whatever the
        reply says. `hold`: the call waits for the event. `at`: only where this id is an argument. Of the "method"
        `response_url`, which stands for them all, there is only `drop` and `hold`.
        """
        return self.faults.add(
            Fault(method, error, status, retry_after, html, drop, hold, times, after, applied, at, more, body, media)
        )

    def install_url_answer(self, url: str, user: User, *more: Team, org: bool = False, denied: bool = False) -> str:
        """Agree to (or decline) an authorize URL as this person; where Slack then sends the browser."""
        return agree(self, url, user, *more, org=org, denied=denied)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `api_url` is then known."""
        app = web.Application(client_max_size=_BODY)
        app.add_routes([*Web(self, self.faults, self.responses).routes(), *self.sockets.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.base = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await self.told()
        await self.sockets.close()
        await self.pushing.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self.stop()
        if error is None and self.violations:
            raise AssertionError("Slack's limits were broken: " + "; ".join(map(str, self.violations)))
