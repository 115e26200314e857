"""Discord's REST API: one attempt per call, within its limits, and with its failures as ours.

Not discord.py's own client, because that sleeps inside a call on limits and 5xx while a lease runs out, repeats posts
by itself, stumbles over a 429 that does not say how long, and knows only the limits of its own process. A call whose
turn has not come raises NotYet before anything is sent; the caller waits, and calls again with newer text.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import aiohttp
from yarl import URL

from bots.discord.buckets import Buckets, Second
from bots.discord.failures import Reply, failure, paused
from bots.discord.harmless import Body, harmless
from bots.discord.refusals import Circuits, Refusals, is_invalid
from core import logs
from core.conversation.values import WorkspaceRef
from core.errors import DeliveryFailed, DeliveryUncertain, PlatformAway, SettingsError
from core.relay.limits import Allowances
from core.relay.line import Lines, Pace
from core.relay.patience import patiently
from core.secret import Secret

log = logs.get(__name__)

BOT = WorkspaceRef("discord", "@bot")  # what is counted over all guilds; no guild's id looks like it
_GLOBAL = "requests"
# Discord takes 50 requests a second from a bot, by whatever process
_PACE = Pace(43 * 60, 1, soon=0.25, kept=0.25)
_ALONE = Pace(43 * 60, 1, patient=False, soon=1.0)  # for a caller that will not come back for its place
_TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
_LARGEST_REPLY = 16_000_000  # octets
_CDN = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_@.=~-]+", re.ASCII)  # ids, @me, @original, and the tokens of interactions
_USER_AGENT = "DiscordBot (https://github.com/askrepo/askrepo, 1)"


class Rest:
    """One process's way to Discord: one pool of connections, no retries, no redirects, no proxy of the environment.

    Every call raises NotYet (nothing was sent), PlaceGone, DiscordRefused for what is about this call, PlatformAway,
    DeliveryUncertain where it may have had its effect, DatabaseError, and SettingsError once Discord has refused the
    token: then nothing is sent any more.
    """

    def __init__(
        self, token: Secret, api_url: str, allowances: Allowances, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._allowances = allowances
        self._clock = clock
        self._lines = Lines(allowances, clock)
        self._second = Second()
        self._buckets = Buckets(clock)
        self._refusals = Refusals(clock)
        self._circuits = Circuits(clock)
        self._held_until = 0.0
        self._token_refused = False
        self._opened: aiohttp.ClientSession | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody waits in line, or there is much in vain: then nothing is sent that is not needed."""
        return self._lines.waited_in or self._refusals.wary

    async def call(
        self,
        method: str,
        route: str,
        *,
        caller: str = "",
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        file: tuple[str, bytes] | None = None,
        **ids: str,
    ) -> object:
        """Call it now, or raise NotYet: its decoded JSON, None where it returns nothing.

        `route` is a template: `/channels/{channel_id}/messages`. `caller` comes back after a NotYet and holds one place
        in the line at a time (a turn's id, mostly); without one, what is not due within a second is refused. `file` is
        a name and its content.
        """
        if self._token_refused:
            raise _no_token()
        named, major = (method, route), next((ids[name] for name in ("channel_id", "guild_id") if name in ids), "")
        place = (named, major, file is None)
        if major:  # else it is about many: one person's direct messages say nothing of another's
            self._circuits.check(place)
        self._may_send(named, major)
        pace, caller = (_PACE, caller) if caller else (_ALONE, uuid4().hex)
        await self._lines.stand(BOT, _GLOBAL, pace, caller)
        self._lines.leave(BOT, _GLOBAL, caller)
        await self._second.room()
        self._may_send(named, major)
        self._refusals.begin()
        reply = None
        try:
            reply = await self._sent(named, major, ids, body, query, file, authorized=True)
        finally:
            self._refusals.end(reply if reply is not None and is_invalid(method, reply) else None)
        if reply.status == 401:
            self._token_refused = True
            log.error("Discord refuses the token; nothing is sent any more")
            raise _no_token()
        error = failure(method, route, reply)
        if major:
            self._circuits.ended(place, error)
        if error is not None:
            raise error
        return reply.body

    async def patiently(
        self,
        method: str,
        route: str,
        *,
        caller: str = "",
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        **ids: str,
    ) -> object:
        """Call it as soon as its pace allows."""
        caller = caller or uuid4().hex
        return await patiently(
            partial(self.call, method, route, caller=caller, body=body, query=query, file=None, **ids)
        )

    async def respond(self, interaction_id: str, token: str, body: Body) -> None:
        """Answer an interaction, within three seconds of it."""
        await self._answered("POST", "/interactions/{interaction_id}/{token}/callback", body, interaction_id, token)

    async def edit_original(self, application_id: str, token: str, body: Body) -> object:
        """Replace the answer to an interaction, within 15 minutes of it."""
        return await self._answered(
            "PATCH", "/webhooks/{application_id}/{token}/messages/@original", body, application_id, token
        )

    async def follow_up(self, application_id: str, token: str, body: Body) -> object:
        """Say more about an interaction, within 15 minutes of it."""
        return await self._answered("POST", "/webhooks/{application_id}/{token}", body, application_id, token)

    async def fetch(self, url: str, most: int) -> bytes | None:
        """The content of an attachment, without our token; None where it is not Discord's, gone, or above `most`."""
        parts = urlsplit(url)
        theirs = parts.scheme == "https" and parts.hostname in _CDN and parts.netloc == parts.hostname
        if not theirs and parts.netloc != urlsplit(self._api_url).netloc:
            return None
        try:
            async with self._session().get(url, allow_redirects=False) as response:
                content = await _bounded(response.content, most) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise DeliveryFailed(f"a file: {type(error).__name__}") from None
        return content

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                timeout=_TIMEOUT,
                trust_env=False,
                headers={"User-Agent": _USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened

    def _may_send(self, route: tuple[str, str], major: str) -> None:
        """Raise where Discord has asked for a pause, or has refused too much."""
        waits = (self._held_until - self._clock(), self._buckets.wait(route, major), self._refusals.wait())
        if max(waits) > 0:
            raise paused(" ".join(route), max(waits))

    async def _answered(self, method: str, route: str, body: Body, subject: str, token: str) -> object:
        """A call that an interaction's own token allows: neither our token nor the global limit is about it."""
        named, ids = (method, route), {"interaction_id": subject, "application_id": subject, "token": token}
        wait = self._buckets.wait(named, token)
        if wait > 0:
            raise paused(" ".join(named), wait)
        self._refusals.begin()
        reply = None
        try:
            reply = await self._sent(named, token, ids, body, None, None, authorized=False)
        finally:
            counts = reply is not None and reply.status != 404 and is_invalid(method, reply)
            self._refusals.end(reply if counts else None)
        error = failure(method, route, reply)
        if error is not None:
            raise error
        return reply.body

    async def _sent(
        self,
        route: tuple[str, str],
        major: str,
        ids: Mapping[str, str],
        body: Body | None,
        query: Mapping[str, str] | None,
        file: tuple[str, bytes] | None,
        *,
        authorized: bool,
    ) -> Reply:
        """Send it, and keep what the answer says about limits. Raises PlatformAway and DeliveryUncertain."""
        self._buckets.begin(route, major)
        try:
            reply = await self._exchanged(route, self._url(route[1], ids, query), _payload(body, file), authorized)
        except BaseException:
            self._buckets.end(route, major, None)
            raise
        if not reply.too_fast:
            self._buckets.end(route, major, reply.headers)
            return reply
        seconds = self._buckets.refused(route, major, reply.headers, reply.retry_after())
        log.warning("too fast for Discord", route=" ".join(route), scope=reply.scope, seconds=round(seconds, 1))
        if reply.scope == "global":
            self._held_until = max(self._held_until, self._clock() + seconds)
            await self._allowances.hold_back(BOT, _GLOBAL, seconds)
        return reply

    async def _exchanged(
        self, route: tuple[str, str], url: URL, payload: Mapping[str, object], authorized: bool
    ) -> Reply:
        headers = {"Authorization": f"Bot {self._token.reveal()}"} if authorized else {}
        try:
            async with self._session().request(
                route[0],
                url,
                headers=headers,
                allow_redirects=False,
                **payload,  # type: ignore[arg-type]
            ) as response:
                octets = await _bounded(response.content, _LARGEST_REPLY)
                return _reply(response, octets)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise PlatformAway(f"{' '.join(route)}: no connection") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            lost = f"{' '.join(route)}: {type(error).__name__}"
            raise PlatformAway(lost) if route[0] == "GET" else DeliveryUncertain(lost) from None

    def _url(self, route: str, ids: Mapping[str, str], query: Mapping[str, str] | None) -> URL:
        for value in ids.values():
            if not _ID.fullmatch(value):
                raise DeliveryFailed(f"{route}: an id that is none")
        asked = f"?{urlencode(query)}" if query else ""
        return URL(f"{self._api_url}{route.format(**ids)}{asked}", encoded=True)


def _payload(body: Body | None, file: tuple[str, bytes] | None) -> Mapping[str, object]:
    if file is None:
        return {} if body is None else {"json": harmless(body)}
    name, content = file
    given = dict(body) if isinstance(body, Mapping) else {}
    form = aiohttp.FormData()
    shown = harmless({**given, "attachments": [{"id": 0, "filename": name}]})
    form.add_field("payload_json", json.dumps(shown), content_type="application/json")
    form.add_field("files[0]", content, filename=name, content_type="application/octet-stream")
    return {"data": form}


def _reply(response: aiohttp.ClientResponse, octets: bytes | None) -> Reply:
    headers = response.headers
    if not octets and octets is not None:
        return Reply(response.status, headers, None, json=response.status == 204)
    try:
        return Reply(response.status, headers, json.loads(octets or b"?"))
    except (ValueError, RecursionError):
        return Reply(response.status, headers, None, json=False)


async def _bounded(content: aiohttp.StreamReader, most: int) -> bytes | None:
    """A body, or None for one above `most` octets."""
    pieces, left = [], most
    async for piece in content.iter_any():
        left -= len(piece)
        if left < 0:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _no_token() -> SettingsError:
    return SettingsError("DISCORD_TOKEN", "Discord does not accept it")
