"""Calls of Discord's API: what is sent, what an answer means, and what is not sent."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import pytest
from aiohttp import BodyPartReader, web

from bots.discord.buckets import Buckets
from bots.discord.failures import Barred, DiscordRefused
from bots.discord.refusals import counted_for
from bots.discord.rest import Rest
from core.database import Database
from core.errors import (
    DeliveryError,
    DeliveryFailed,
    DeliveryUncertain,
    Gone,
    NotYet,
    PlatformAway,
    SettingsError,
)
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces

TOKEN = "not-a-token.of-any.bot-at-all"
POST = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
_PAGE = b"<html>error code: 1015</html>"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Unpaced(Allowances):
    """Ten minutes of a clock that is told the time hold more calls than those of a real one."""

    async def reserve(self, *_: object, **__: object) -> float:
        return 0.0


class Server:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: list[tuple[float, web.Request, Any]] = []
        self.reply: Callable[[web.Request], web.StreamResponse] = lambda _: said(200, {"id": "1"})
        self.open = asyncio.Event()
        self.open.set()
        self.base = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body: Any = None
        if request.content_type == "multipart/form-data":
            reader = await request.multipart()
            body = {part.name: await part.read() async for part in reader if isinstance(part, BodyPartReader)}
        elif request.can_read_body:
            body = await request.json()
        self.seen.append((self.clock(), request, body))
        await self.open.wait()
        return self.reply(request)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.seen]


def said(status: int, body: Any = None, /, **headers: str) -> web.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(body, status=status, headers=told)


def bucket(limit: int, left: int, after: float, name: str = "abc") -> dict[str, str]:
    return {
        "X_RateLimit_Bucket": name,
        "X_RateLimit_Limit": str(limit),
        "X_RateLimit_Remaining": str(left),
        "X_RateLimit_Reset_After": str(after),
    }


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(clock: Clock) -> AsyncIterator[Server]:
    async with Server(clock) as opened:
        yield opened


@pytest.fixture
async def rest(server: Server, database: Database, workspaces: Workspaces, clock: Clock) -> AsyncIterator[Rest]:
    opened = Rest(Secret(TOKEN), f"{server.base}/api/v10", Allowances(database, workspaces), clock)
    yield opened
    await opened.close()


async def post(rest: Rest, channel_id: str = "7", content: str = "hi") -> object:
    return await rest.call(*POST, channel_id=channel_id, body={"content": content})


async def together(rest: Rest, server: Server, number: int, *, refused: int) -> Counter[type]:
    """How so many calls end, none of which is answered before the `refused` ones are."""
    server.open.clear()
    calls = [asyncio.create_task(post(rest)) for _ in range(number)]
    while sum(call.done() for call in calls) < refused:
        await asyncio.wait([call for call in calls if not call.done()], return_when=asyncio.FIRST_COMPLETED)
    server.open.set()
    return Counter(type(each) for each in await asyncio.gather(*calls, return_exceptions=True))


# what is sent


async def test_a_call(rest: Rest, server: Server) -> None:
    told = await rest.call(
        "GET", "/channels/{channel_id}/messages", channel_id="7", query={"limit": "5", "before": "9"}
    )
    ((_, request, _),) = server.seen
    assert told == {"id": "1"}
    assert (request.method, request.raw_path) == ("GET", "/api/v10/channels/7/messages?limit=5&before=9")
    assert request.headers["Authorization"] == f"Bot {TOKEN}"
    assert request.headers["User-Agent"].startswith("DiscordBot (")


async def test_nothing_pings_and_no_link_is_previewed(rest: Rest, server: Server) -> None:
    loud: dict[str, object] = {"content": "@everyone", "allowed_mentions": {"parse": ["everyone"]}, "flags": 64}
    await rest.call(*POST, channel_id="7", body=loud)
    await rest.call(*EDIT, channel_id="7", message_id="8", body={"components": []})
    await rest.respond("1", "token", {"type": 4, "data": loud})
    await rest.edit_original("1", "token", loud)
    await rest.follow_up("1", "token", loud)
    await rest.call("POST", "/channels/{channel_id}/threads", channel_id="7", body={"name": "x", "message": loud})
    first, edit, callback, *others, forum = server.bodies
    assert edit == {"components": [], "flags": 4, "allowed_mentions": {"parse": []}}
    for body in (first, callback["data"], *others, forum["message"]):
        assert body == {"content": "@everyone", "allowed_mentions": {"parse": []}, "flags": 68}


@pytest.mark.parametrize(
    "body",
    [
        {"type": 5, "data": {"flags": 64}},
        {"type": 8, "data": {"choices": []}},
        {"type": 9, "data": {"custom_id": "x", "title": "y", "components": []}},
        {"name": "a thread", "auto_archive_duration": 1440},
    ],
)
async def test_what_is_no_message_stays_as_it_is(rest: Rest, server: Server, body: dict[str, object]) -> None:
    await rest.respond("1", "token", body)
    assert server.bodies == [body]


async def test_a_file(rest: Rest, server: Server) -> None:
    await rest.call(*POST, channel_id="7", body={"nonce": "n"}, file=("answer.md", "Grüße".encode()))
    ((_, _, parts),) = server.seen
    assert parts["files[0]"] == "Grüße".encode()
    assert json.loads(parts["payload_json"]) == {
        "nonce": "n",
        "attachments": [{"id": 0, "filename": "answer.md"}],
        "allowed_mentions": {"parse": []},
        "flags": 4,
    }


async def test_interactions_are_answered_without_our_token(rest: Rest, server: Server) -> None:
    server.reply = lambda _: web.Response(status=204)
    await rest.respond("1", "aW50.token-1", {"type": 5})
    await rest.edit_original("2", "token", {"content": "x"})
    await rest.follow_up("2", "token", {"content": "x"})
    assert [request.path for _, request, _ in server.seen] == [
        "/api/v10/interactions/1/aW50.token-1/callback",
        "/api/v10/webhooks/2/token/messages/@original",
        "/api/v10/webhooks/2/token",
    ]
    assert not any("Authorization" in request.headers for _, request, _ in server.seen)


@pytest.mark.parametrize("given", ["..", "7/../8", "", "7?x=1", "7#", "%2e%2e", "7\n"])
async def test_an_id_cannot_lead_elsewhere(rest: Rest, server: Server, given: str) -> None:
    with pytest.raises(DeliveryFailed):
        await post(rest, given)
    assert server.seen == []


async def test_a_redirect_is_not_followed(rest: Rest, server: Server) -> None:
    async with Server(server.clock) as elsewhere:
        server.reply = lambda _: said(307, None, Location=f"{elsewhere.base}/steal")
        with pytest.raises(PlatformAway):
            await post(rest)
        assert await rest.fetch(f"{server.base}/file", 10) is None
        assert elsewhere.seen == []


async def test_a_proxy_of_the_environment_is_not_used(
    rest: Rest, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Server(server.clock) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base)
        await post(rest)
        assert (len(server.seen), proxy.seen) == (1, [])


# attachments


async def test_a_file_is_fetched_without_our_token(rest: Rest, server: Server) -> None:
    server.reply = lambda _: web.Response(body=b"0123456789")
    assert await rest.fetch(f"{server.base}/attachments/1/2/x.txt?ex=1", 10) == b"0123456789"
    assert await rest.fetch(f"{server.base}/attachments/1/2/x.txt", 9) is None
    assert not any("Authorization" in request.headers for _, request, _ in server.seen)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/x",
        "https://cdn.discordapp.com:8443/x",
        "https://cdn.discordapp.com.evil.example/x",
        "https://me@evil.example/cdn.discordapp.com",
        "https://cdn.discordapp.com@evil.example/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "",
    ],
)
async def test_nothing_is_fetched_from_elsewhere(rest: Rest, url: str) -> None:
    assert await rest.fetch(url, 10) is None


# what an answer means


@pytest.mark.parametrize(
    ("reply", "reads", "writes"),
    [
        (said(400, {"code": 50035, "message": "Invalid Form Body"}), DiscordRefused, DiscordRefused),
        (said(404, {"code": 10008}), DiscordRefused, DiscordRefused),
        (said(404, {"code": 10003}), Barred, Barred),
        (said(403, {"code": 50001}), Barred, Barred),
        (said(403, {"code": 50013}), Barred, Barred),
        (said(400, {"code": 160005}), Barred, Barred),
        (said(403, {"code": 999999}), DiscordRefused, DiscordRefused),
        (said(429, {"code": 30046, "retry_after": 3}), DiscordRefused, DiscordRefused),
        (said(413, {"code": 40005}), DiscordRefused, DiscordRefused),
        (web.Response(status=413, body=_PAGE), DiscordRefused, DiscordRefused),
        (web.Response(status=403, body=_PAGE), PlatformAway, PlatformAway),
        (web.Response(status=404, body=_PAGE), PlatformAway, PlatformAway),
        (web.Response(status=302), PlatformAway, PlatformAway),
        (said(500, {"message": "500"}), PlatformAway, DeliveryUncertain),
        (web.Response(status=502, body=_PAGE), PlatformAway, DeliveryUncertain),
        (web.Response(status=200, body=_PAGE), PlatformAway, DeliveryUncertain),
        (web.Response(status=200, body=b""), PlatformAway, DeliveryUncertain),
        (web.Response(status=200, body=b"[" * 100_000), PlatformAway, DeliveryUncertain),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, web.Response) else "",
)
async def test_failures(
    rest: Rest, server: Server, reply: web.Response, reads: type[DeliveryError], writes: type[DeliveryError]
) -> None:

    def fresh(_: web.Request) -> web.Response:  # a response is sent once
        kind = reply.headers.get("Content-Type", "text/html")
        return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": kind})

    server.reply = fresh
    for method, expected in (("GET", reads), ("POST", writes)):
        with pytest.raises(DeliveryError) as caught:
            await rest.call(method, "/channels/{channel_id}/messages", channel_id="7")
        assert type(caught.value) is expected
        assert "1015" not in str(caught.value)
        assert "Invalid Form" not in str(caught.value)
    assert len(server.seen) == 2  # one attempt each


async def test_why_a_place_takes_nothing(rest: Rest, server: Server) -> None:
    for code, gone in ((10003, Gone.DELETED), (160005, Gone.LOCKED), (160006, Gone.FULL), (50013, Gone.PERMISSION)):
        server.reply = lambda _, code=code: said(403, {"code": code})  # type: ignore[misc]
        with pytest.raises(Barred) as caught:
            await post(rest, str(code))
        assert (caught.value.gone, caught.value.code) == (gone, code)


async def test_a_lost_answer(rest: Rest, server: Server) -> None:
    def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.reply = drop
    with pytest.raises(DeliveryUncertain):
        await post(rest)
    assert len(server.seen) == 1
    with pytest.raises(PlatformAway):
        await rest.call("GET", "/channels/{channel_id}", channel_id="7")


async def test_no_connection(rest: Rest, unused_tcp_port: int) -> None:
    rest._api_url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(PlatformAway):
        await post(rest)


# pace


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"retry_after": 2.5}, {}, 2.5),
        ({"retry_after": 0}, {}, 1.0),
        ({"retry_after": -7}, {}, 1.0),
        ({"retry_after": "3"}, {}, 3.0),
        ({}, {"Retry-After": "4"}, 4.0),
        ({"retry_after": None}, {"Retry-After": "tomorrow"}, 5.0),
        ({"retry_after": True}, {}, 5.0),
        ({"retry_after": [1]}, {}, 5.0),
        ([], {}, 5.0),
    ],
    ids=str,
)
async def test_a_429_is_waited_out(
    rest: Rest, server: Server, clock: Clock, body: Any, headers: dict[str, str], seconds: float
) -> None:
    server.reply = lambda _: web.json_response(body, status=429, headers=headers)
    with pytest.raises(NotYet) as caught:
        await post(rest)
    assert caught.value.seconds == seconds
    server.reply = lambda _: said(200, {"id": "1"})
    clock.now += seconds - 0.01
    with pytest.raises(NotYet):
        await post(rest)
    await post(rest, "8")  # another channel has a bucket of its own
    assert len(server.seen) == 2
    clock.now += 0.02
    await post(rest)


@pytest.mark.parametrize("retry_after", [700, 1e300, float("inf")])
async def test_a_long_pause_puts_the_answer_off(rest: Rest, server: Server, clock: Clock, retry_after: float) -> None:
    body = f'{{"retry_after": {str(retry_after).replace("inf", "1e999")}}}'.encode()
    server.reply = lambda _: web.Response(status=429, body=body, content_type="application/json")
    for _ in range(3):
        with pytest.raises(PlatformAway):
            await post(rest)
    assert len(server.seen) == 1
    clock.now += 86_401  # nobody is believed who asks for more than a day
    server.reply = lambda _: said(200, {"id": "1"})
    await post(rest)


@pytest.mark.parametrize(
    "reply",
    [
        lambda: said(429, {"retry_after": 3, "global": True}),
        lambda: said(429, {"retry_after": 3}, X_RateLimit_Scope="global"),
        lambda: web.Response(status=429, body=_PAGE, headers={"Retry-After": "3"}),
    ],
)
async def test_what_holds_for_all_is_heeded_by_all(
    rest: Rest,
    server: Server,
    clock: Clock,
    database: Database,
    workspaces: Workspaces,
    reply: Callable[[], web.Response],
) -> None:
    server.reply = lambda _: reply()
    other = Rest(Secret(TOKEN), f"{server.base}/api/v10", Allowances(database, workspaces), clock)
    with pytest.raises(NotYet):
        await post(rest)
    server.reply = lambda _: said(200, {"id": "1"})
    for process in (rest, other):
        with pytest.raises(NotYet):
            await post(process, "8")
    await rest.respond("1", "token", {"type": 5})  # exempt
    await other.close()
    assert len(server.seen) == 2


async def test_a_page_that_does_not_say_how_long(rest: Rest, server: Server) -> None:
    server.reply = lambda _: web.Response(status=429, body=_PAGE)
    with pytest.raises(NotYet) as caught:
        await post(rest)
    assert caught.value.seconds == 60


async def test_repeated_refusals_are_waited_out_longer(rest: Rest, server: Server, clock: Clock) -> None:
    server.reply = lambda _: said(429, {"retry_after": 0})
    waits = []
    for _ in range(9):
        with pytest.raises(NotYet):
            await post(rest)
        with pytest.raises(NotYet) as caught:
            await post(rest)
        waits.append(caught.value.seconds)
        clock.now += caught.value.seconds
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    server.reply = lambda _: said(200, {"id": "1"})
    await post(rest)
    server.reply = lambda _: said(429, {"retry_after": 0})
    with pytest.raises(NotYet) as caught:
        await post(rest)
    assert caught.value.seconds == 1


async def test_an_empty_bucket_is_left_alone(rest: Rest, server: Server, clock: Clock) -> None:
    server.reply = lambda _: said(200, {"id": "1"}, **bucket(2, 0, 4))
    await post(rest)
    with pytest.raises(NotYet) as caught:
        await post(rest)
    assert caught.value.seconds == 4
    clock.now += 4
    await post(rest)
    assert len(server.seen) == 2


async def test_routes_that_share_a_bucket(rest: Rest, server: Server) -> None:
    server.reply = lambda _: said(200, {"id": "1"}, **bucket(5, 4, 5))
    await post(rest)
    server.reply = lambda _: said(200, {"id": "1"}, **bucket(5, 0, 5))
    await rest.call(*EDIT, channel_id="7", message_id="1", body={"content": "x"})
    with pytest.raises(NotYet):
        await post(rest)


async def test_calls_under_way_count(rest: Rest, server: Server) -> None:
    server.reply = lambda _: said(200, {"id": "1"}, **bucket(3, 2, 5))
    await post(rest)
    left = iter([1, 0])
    server.reply = lambda _: said(200, {"id": "1"}, **bucket(3, next(left), 5))
    assert await together(rest, server, 5, refused=3) == {dict: 2, NotYet: 3}
    assert len(server.seen) == 3


async def test_the_first_call_of_a_route_finds_out(rest: Rest, server: Server) -> None:
    assert await together(rest, server, 3, refused=2) == {dict: 1, NotYet: 2}
    assert await together(rest, server, 3, refused=0) == {dict: 3}  # it said nothing of a bucket


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "", "many"])
async def test_headers_that_say_nothing(rest: Rest, server: Server, value: str) -> None:
    server.reply = lambda _: said(
        200,
        {"id": "1"},
        X_RateLimit_Bucket="abc",
        X_RateLimit_Limit=value,
        X_RateLimit_Remaining=value,
        X_RateLimit_Reset_After=value,
    )
    for _ in range(3):
        await post(rest)
    assert len(server.seen) == 3


async def test_all_processes_together_keep_the_global_limit(
    rest: Rest, server: Server, database: Database, workspaces: Workspaces
) -> None:
    """Sixty calls are wanted at once: no second holds more than 45 of them, and every caller gets its turn."""
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []

    def arrived(_: web.Request) -> web.StreamResponse:
        arrivals.append(loop.time())
        return said(200, {"id": "1"})

    server.reply = arrived
    processes = [Rest(Secret(TOKEN), f"{server.base}/api/v10", Allowances(database, workspaces)) for _ in range(3)]

    async def answer(number: int) -> None:
        for _ in range(3):
            await processes[number % 3].patiently(*POST, channel_id=str(number + 1), body={"content": "x"})

    await asyncio.gather(*(answer(number) for number in range(20)))
    for process in processes:
        await process.close()
    assert len(arrivals) == 60
    assert max(sum(at <= each < at + 1 for each in arrivals) for at in arrivals) <= 45


# few invalid requests


async def test_after_a_401_nothing_is_sent(rest: Rest, server: Server) -> None:
    server.reply = lambda _: said(401, {"code": 0})
    for _ in range(5):
        with pytest.raises(SettingsError) as caught:
            await post(rest)
        assert caught.value.name == "DISCORD_TOKEN"
    assert len(server.seen) == 1


async def test_an_interaction_that_is_over_says_nothing_about_our_token(rest: Rest, server: Server) -> None:
    server.reply = lambda _: said(401, {"code": 50027})
    with pytest.raises(DiscordRefused):
        await rest.follow_up("1", "token", {"content": "x"})
    server.reply = lambda _: said(200, {"id": "1"})
    await post(rest)


async def test_a_place_that_takes_nothing_is_left_alone(rest: Rest, server: Server, clock: Clock) -> None:
    server.reply = lambda _: said(403, {"code": 50013})
    for _ in range(10):
        with pytest.raises(Barred) as caught:
            await post(rest)
        assert caught.value.gone is Gone.PERMISSION
    assert len(server.seen) == 3
    server.reply = lambda _: said(200, {"id": "1"})
    await post(rest, "8")
    clock.now += 61
    await post(rest)
    await post(rest)
    assert len(server.seen) == 6


async def test_a_place_that_goes_on_taking_nothing_is_tried_ever_less(rest: Rest, server: Server, clock: Clock) -> None:
    server.reply = lambda _: said(403, {"code": 50013})
    for _ in range(3):
        with pytest.raises(Barred):
            await post(rest)
    for seconds in (60, 120, 240, 480, 600, 600):
        tried = len(server.seen)
        for passed, calls in ((seconds - 1, 0), (1, 1)):
            clock.now += passed
            with pytest.raises(Barred):
                await post(rest)
            assert len(server.seen) == tried + calls
    server.reply = lambda _: said(200, {"id": "1"})
    clock.now += 600
    await post(rest)
    server.reply = lambda _: said(403, {"code": 50013})
    for _ in range(3):
        with pytest.raises(Barred):
            await post(rest)
    assert len(server.seen) == tried + 5  # it begins anew


async def test_what_one_guild_refuses_keeps_no_other_waiting(
    server: Server, database: Database, workspaces: Workspaces, clock: Clock
) -> None:
    """Twenty minutes in steps of twenty seconds: each time the one guild has ten new places that take nothing."""
    rest, places, span = Rest(Secret(TOKEN), server.base, Unpaced(database, workspaces), clock), iter(range(9_999)), 600
    server.reply = lambda request: said(200 if "/channels/good/" in request.path else 403, {"id": "1", "code": 50013})

    async def post_of(guild_id: str, channel_id: str) -> object:
        counted_for(guild_id)
        return await post(rest, channel_id)

    for _ in range(60):
        bad = [post_of("1", f"bad{next(places)}") for _ in range(10)]
        await asyncio.gather(*bad, return_exceptions=True)
        await asyncio.create_task(post_of("2", "good"))
        clock.now += 20
    await rest.close()
    refused = [at for at, request, _ in server.seen if "/channels/bad" in request.path]
    assert len(refused) > 30  # it is tried there all the time
    assert max(sum(at <= each < at + span for each in refused) for at in refused) <= 40


async def test_people_who_take_no_direct_messages_are_not_one_place(rest: Rest, server: Server) -> None:
    server.reply = lambda _: said(403, {"code": 50007})
    for _ in range(3):
        with pytest.raises(Barred):
            await rest.patiently("POST", "/users/@me/channels", body={"recipient_id": "7"})
    server.reply = lambda _: said(200, {"id": "1"})
    await rest.patiently("POST", "/users/@me/channels", body={"recipient_id": "8"})


SCRIPTS: dict[str, Callable[[random.Random], web.Response]] = {
    "403": lambda _: said(403, {"code": 50013}),
    "403, unknown code": lambda _: said(403, {"code": 1}),
    "403, page": lambda _: web.Response(status=403, body=_PAGE),
    "404": lambda _: said(404, {"code": 10003}),
    "404, message": lambda _: said(404, {"code": 10008}),
    "429, 0 s": lambda _: said(429, {"retry_after": 0}),
    "429, global": lambda _: said(429, {"retry_after": 0, "global": True}),
    "429, page": lambda _: web.Response(status=429, body=_PAGE, headers={"Retry-After": "0"}),
    "every third": lambda rng: said(403, {"code": 50013}) if rng.random() < 0.3 else said(200, {"id": "1"}),
    "anything": lambda rng: rng.choice(
        [
            said(403, {"code": 50001}),
            said(404, {"code": 10008}),
            said(429, {"retry_after": rng.choice([0, -1, 0.1, 3])}),
            said(429, {}),
            web.Response(status=429, body=_PAGE),
            said(500, {}),
            said(200, {"id": "1"}),
        ]
    ),
}


_TELLING = {"429, page", "anything"}  # and, in the long run, each of the others


@pytest.mark.parametrize(
    "script", [pytest.param(each, marks=[] if each in _TELLING else [pytest.mark.long]) for each in SCRIPTS]
)
async def test_at_most_a_hundred_invalid_requests_in_ten_minutes(
    server: Server, database: Database, workspaces: Workspaces, clock: Clock, script: str
) -> None:
    """Thirty answers that never give up, each in a thread of its own; ten minutes pass in steps of two seconds."""
    rng, invalid = random.Random(script), 0
    rest = Rest(Secret(TOKEN), server.base, Unpaced(database, workspaces), clock)

    def reply(_: web.Request) -> web.StreamResponse:
        nonlocal invalid
        made = SCRIPTS[script](rng)
        invalid += made.status in {401, 403, 404, 429}
        return made

    server.reply = reply
    for _ in range(300):
        await asyncio.gather(*(post(rest, str(each)) for each in range(1, 31)), return_exceptions=True)
        clock.now += 2
    await rest.close()
    assert 0 < invalid <= 100


async def test_a_shared_limit_is_not_our_fault(rest: Rest, server: Server, clock: Clock) -> None:
    server.reply = lambda _: said(429, {"retry_after": 1}, X_RateLimit_Scope="shared")
    for number in range(120):
        with pytest.raises(NotYet):
            await post(rest, str(number + 1))
        clock.now += 0.1
    assert len(server.seen) == 120


def test_of_a_new_window_the_calls_under_way_are_not_counted_twice(clock: Clock) -> None:
    """Three calls leave as it begins; the first answer, which knows of itself alone, leaves nothing for a fourth."""
    buckets, told = Buckets(clock), {"X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "2"}
    buckets.begin(POST, "7")
    buckets.end(POST, "7", {**told, "X-RateLimit-Reset-After": "5"})
    clock.now += 6
    for _ in range(3):
        assert buckets.wait(POST, "7") == 0
        buckets.begin(POST, "7")
    buckets.end(POST, "7", {**told, "X-RateLimit-Reset-After": "4"})
    assert buckets.wait(POST, "7") > 0


def test_calls_under_way_together_are_refused_once(clock: Clock) -> None:
    """The longest pause that is asked for is kept; what is refused after it was refused again."""
    buckets, asked_for = Buckets(clock), (1.0, 3.0, 1.0, 1.0, 1.0)
    for _ in asked_for:
        buckets.begin(POST, "7")
    for seconds in asked_for:
        buckets.refused(POST, "7", {}, seconds)
    assert buckets.wait(POST, "7") == 3
    clock.now += 3
    buckets.begin(POST, "7")
    buckets.refused(POST, "7", {}, 1.0)
    assert buckets.wait(POST, "7") == 2


def test_a_refusal_counts_for_the_bucket_that_it_names(clock: Clock) -> None:
    """The first answer of a route may say that it shares the bucket of another."""
    buckets, told = Buckets(clock), {"X-RateLimit-Bucket": "abc"}
    buckets.begin(EDIT, "7")
    buckets.end(EDIT, "7", told)
    for seconds in (1, 2):
        buckets.begin(POST, "7")
        buckets.refused(POST, "7", told, 1.0)
        assert buckets.wait(EDIT, "7") == seconds
        clock.now += seconds
