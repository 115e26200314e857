"""A strict Discord over real sockets: REST v10 and gateway v10.

    async with FakeDiscord() as fake:                    # leaving raises if a documented limit was broken
        acme = fake.guild("acme")                        # the bot is in it; permissions=BOT, bot=False
        alice = fake.user(acme, "alice")                 # "MANAGE_CHANNELS", …; bot=True, roles=[…]
        general = fake.channel(acme, "general")          # private=True, readers=[alice], type=FORUM, parent=…
        question = await fake.says(alice, general, f"{fake.bot} where is x?")
        await fake.until(lambda: fake.thread_of(question))
        assert fake.answers(fake.thread_of(question))[0].content == "It lives in y."

The app is pointed at `fake.api_url` and logs in with `fake.token`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Self

from aiohttp import web

from tests.fakes.discord_faults import Fault, Faults, Scope
from tests.fakes.discord_interactions import Interactions
from tests.fakes.discord_limits import Limits
from tests.fakes.discord_rest import PREFIX, Rest

_BODY = 30 << 20


class FakeDiscord(Interactions):
    """One Discord with one application. See the module's text."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self.limits = Limits()
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """What ASKREPO_DISCORD_API_URL is set to; discord.py's Route.BASE."""
        return f"{self.base}{PREFIX}"

    def fail(
        self,
        method: str,
        route: str,
        *,
        status: int = 0,
        code: int = 0,
        times: int = 1,
        after: int = 0,
        retry_after: float | None = None,
        scope: Scope = "user",
        html: bool = False,
        via: bool = True,
        drop: Literal["", "before", "after"] = "",
        body: Any = None,
        hold: asyncio.Event | None = None,
        at: str = "",
    ) -> Fault:
        """Spoil the next `times` requests of a route (a template), after `after` good ones; -1 is for ever.

        `status`, `code`: Discord's; a code has its own status. `retry_after` and `scope`: of a 429; None leaves it
        out. `html`: a page instead of JSON. `via` False: without the header, as from Cloudflare itself. `drop`: the
        connection is reset before or after the request took effect. `body`: the whole answer. `hold`: the request
        waits for the event. `at`: only where this id is in the address.
        """
        return self.faults.add(
            Fault(method, route, status, code, times, after, retry_after, scope, html, via, drop, body, hold, at)
        )

    async def met(self, fault: Fault, seconds: float = 10.0) -> None:
        """Wait until the fault has struck."""
        await self.until(lambda: fault.struck, seconds)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `api_url` is then known."""
        app = web.Application(client_max_size=_BODY)
        app.add_routes([*Rest(self, self.faults, self.limits).routes(), web.get("/gateway", self.gateway.handle)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.base = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self.stop()
        if error is None and self.violations:
            raise AssertionError("Discord's limits were broken: " + "; ".join(map(str, self.violations)))
