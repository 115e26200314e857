"""A strict Discord over real sockets: REST v10 and gateway v10, to which an unmodified discord.py logs in.

    async with FakeDiscord() as fake:                    # leaving raises if a documented limit was broken
        acme = fake.guild("acme")                        # the bot is in it; bot=False, permissions=bits("VIEW_CHANNEL")
        alice = fake.user(acme, "alice")                 # fake.user(acme, "mo", "MANAGE_CHANNELS"), bot=True, roles=[…]
        general = fake.channel(acme, "general")          # private=True, readers=[alice], type=FORUM, parent=category
        question = await fake.says(alice, general, f"{fake.bot} where is x?")
        await fake.until(lambda: fake.thread_of(question))
        assert fake.answers(fake.thread_of(question))[0].content == "It lives in y."

The app is pointed at `fake.api_url` with `fake.token`; `discord_client.pointed_at(fake)` points discord.py itself.

What people write: `says(user, place, words, reply_to=, ping=, files=[fake.file(…)], type=)`, `edits deletes unfurls
pins deliver_again webhook_says`; threads: `opens_thread(user, message | channel, name, private=)`, `opens_post(user,
forum, title, words, tags=)`, `adds_to_thread archives locks unlocks`; `fake.dm(user)` is the direct channel.
What they press: `command(user, channel, "askrepo map", {"option": …})`, `context_command(user, message, name)`,
`clicks(user, message, custom_id | label)`, `submits(user, **values)`, `closes(user)`; each waits for the app's first
answer and returns the Interaction (`answered ephemeral original shown follow_ups`); `answered(interaction)` waits for
what comes after a defer; `autocompletes(user, channel, name, option, typed)` returns the choices. Commands must have
been registered. `user_install=True`, or a guild without the bot, is a user's own installation.
What moderators and Discord do: `denies grants renames moves deletes_channel changes_role deletes_role gives takes joins
leaves kicks_bot invites_bot goes_out comes_back new_token`.
What is seen: `posts(place)`, `answers(place)` (the bot's), `ephemerals(channel, user)`, `modal(user)`,
`threads(guild | channel)`, `thread_of(message)`; a Message has `content buttons attachments reference deleted`.
What the app did: `calls`, `called("POST", "/channels/{channel_id}/messages")`, `invalid` (401, 403, 429).

The gateway (`fake.gateway`): `drop(code) lose_session reconnect invalidate(resumable=)`, `ready identifies resumes`,
`budget max_concurrency heartbeat_interval deaf mute refuses stuck shards`. Portal: `message_content members_intent
public_bot`. Limits (`fake.limits`): `on rules other overall`. Faults: `fail(method, route, …)`, `met(fault)`,
`faults.clear()`, `told_long_ago()`.
Time: `freeze advance clock`; rate limits go by the real clock and `advance` even when frozen.

A broken limit is in `violations` and fails the test on leaving, unless `allows(code)`. Codes are Discord's error and
close codes, and the fake's own words: `ping` (see `may_ping`), `allowed_mentions_missing`, `user_agent`,
`called_inside_retry_after`, `called_after_401`, `too_many_invalid`, `token_to_cdn`, `not_answered`,
`ephemeral_ignored`, `identified_without_budget`, `identified_too_fast`, `heartbeat_missed`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

from aiohttp import web

from tests.fakes.discord_faults import Drop, Fault, Faults, Scope
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
        self._rest = Rest(self, self.faults, self.limits)
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
        drop: Drop = "",
        body: Any = None,
        hold: asyncio.Event | None = None,
        at: str = "",
        applied: bool = False,
    ) -> Fault:
        """Spoil the next `times` requests of a route (a template), after `after` good ones; -1 is for ever.

        `status`, `code`: Discord's; a code has its own status. `retry_after` and `scope`: of a 429; None leaves it
        out. `html`: a page instead of JSON. `via` False: without the header, as from Cloudflare itself. `drop`: the
        connection is reset before or after the request took effect, or it takes effect and is never answered
        ("silence"). `applied`: it takes effect, whatever the reply says. `body`: the whole answer. `hold`: the request
        waits for the event. `at`: only where this id is in the address.
        """
        return self.faults.add(
            Fault(
                method, route, status, code, times, after, retry_after, scope, html, via, drop, body, hold, at, applied
            )
        )

    async def met(self, fault: Fault, seconds: float = 60.0) -> None:
        """Wait until the fault has struck."""
        await self.until(lambda: fault.struck, seconds)

    def told_long_ago(self) -> None:
        """Everybody has heard of every 401 and 429 by now: no later request can have left before."""
        self.limits.told_long_ago()
        self._rest.told_long_ago()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `api_url` is then known."""
        app = web.Application(client_max_size=_BODY)
        app.add_routes([*self._rest.routes(), web.get("/gateway", self.gateway.handle)])
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
