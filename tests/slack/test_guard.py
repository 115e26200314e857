"""The door for Slack over HTTP, called directly and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace

import httpx
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.slack.guard import Guard, Tally, received
from bots.slack.payload import Payload
from bots.slack.verify import MOST_OCTETS
from core.errors import SettingsError
from core.secret import Secret
from tests.slack.signing import (
    FORM,
    JSON,
    NOW,
    PREVIOUS,
    SECRETS,
    Request,
    answered,
    as_form,
    as_json,
    as_payload,
    command,
    event,
    interaction,
    signed,
)

GOOD = signed(as_json(event()))
LINES = [f"{name.decode()}: {value.decode()}" for name, value in GOOD.headers]


@dataclass
class Inner:
    """What stands behind the guard: keeps what it is given, and answers by `statuses`, then 200. 0 breaks."""

    statuses: list[int] = field(default_factory=list)
    took: list[Payload] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.took.append(received(scope))
        self.started.set()
        await self.may_answer.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        if not status:
            raise RuntimeError("broken")
        await PlainTextResponse("taken", status)(scope, receive, send)


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(inner: Inner, clock: Clock) -> Guard:
    return Guard(inner, SECRETS, clock=clock, body_seconds=0.3)


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def status(guard: Guard, request: Request) -> int:
    """The status; a refusal has an empty body, and ends the connection, and a pass has neither."""
    response = await answered(guard, request)
    refused = response.status in {400, 401, 405, 408, 413}
    assert (response.body == b"") is refused
    assert (response.headers.get(b"connection") == b"close") is refused
    return response.status


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (signed(as_json(event())), event()),
        (signed(as_form(command("the payload")), FORM), command("the payload")),
        (signed(as_payload(interaction()), FORM), interaction()),
        (replace(signed(as_json(event())), chunks=50), event()),
        (signed(as_json(event()), secret=PREVIOUS), event()),
        (signed(as_json(event())).having((b"content-length", str(len(as_json(event()))).encode())), event()),
    ],
)
async def test_what_slack_signed_is_handed_on(guard: Guard, inner: Inner, request_: Request, payload: Payload) -> None:
    assert await status(guard, request_) == 200
    assert inner.took == [payload]


UNSIGNED = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a":' + b"7" * 5_000 + b"}",
    b"a=&" * 300_000,
    b"\x1f\x8b\x08\x00",
    b'{"type": "url_verification", "challenge": "c"}',
    b"ssl_check=1&token=t",
    as_json(event()),
]


@pytest.mark.parametrize("body", UNSIGNED)
async def test_no_unsigned_body_is_answered_or_logged(
    guard: Guard, inner: Inner, logged: list[structlog.typing.EventDict], body: bytes
) -> None:
    sound = signed(body)
    forgeries = [
        Request(body, ((b"content-type", JSON),)),
        Request(body, ((b"content-type", FORM),)),
        sound.without(b"x-slack-signature"),
        sound.without(b"x-slack-request-timestamp"),
        signed(body, secret="another"),
        signed(body, FORM, secret=""),
        replace(sound, body=body + b" "),
        sound.without(b"x-slack-signature").having((b"x-slack-signature", b"v0=" + "é".encode() * 32)),
        sound.without(b"x-slack-request-timestamp").having((b"x-slack-request-timestamp", b"soon")),
        sound.having((b"X-Slack-Signature", b"v0=" + b"0" * 64)),
    ]
    for forgery in forgeries:
        assert await status(guard, forgery) == 401
    assert inner.took == []
    assert {line["event"] for line in logged} == {"slack request refused"}
    assert all(set(line) == {"event", "log_level", "reason", "count"} for line in logged)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
async def test_another_method_is_refused(guard: Guard, method: str) -> None:
    response = await answered(guard, replace(GOOD, method=method))
    assert (response.status, response.headers[b"allow"], response.body) == (405, b"POST", b"")


@pytest.mark.parametrize(
    ("ahead", "expected"), [(-301, 401), (-300, 200), (0, 200), (299, 200), (300, 200), (301, 401)]
)
async def test_five_minutes_either_way_are_allowed(guard: Guard, ahead: int, expected: int) -> None:
    assert await status(guard, signed(GOOD.body, at=NOW + ahead)) == expected


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"null", b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' + b"7" * 5_000 + b"}"]
)
async def test_a_signed_body_that_is_no_object_is_a_bad_request(guard: Guard, inner: Inner, body: bytes) -> None:
    assert await status(guard, signed(body)) == 400
    assert await status(guard, signed(body, b"text/plain")) == 400
    assert inner.took == []


@pytest.mark.parametrize("chunks", [1, 40])
async def test_two_megabytes_are_the_most(guard: Guard, chunks: int) -> None:
    most = b'{"a":"' + b"x" * (MOST_OCTETS - 8) + b'"}'
    assert await status(guard, replace(signed(most), chunks=chunks)) == 200
    assert await status(guard, replace(signed(most + b" "), chunks=chunks)) == 413


async def test_a_replay_is_refused_as_long_as_it_is_in_time(guard: Guard, inner: Inner, clock: Clock) -> None:
    early = signed(GOOD.body, at=NOW + 299)
    assert await status(guard, early) == 200
    for later in (1, 299, 301, 599):
        clock.now = NOW + later
        assert await status(guard, early) == 401
    assert len(inner.took) == 1
    assert await status(guard, signed(GOOD.body, at=clock.now)) == 200  # a retry of Slack's is signed anew


@pytest.mark.parametrize("failure", [500, 503, 404, 302])
async def test_what_was_not_acknowledged_may_be_repeated_until_it_is(guard: Guard, inner: Inner, failure: int) -> None:
    inner.statuses += [failure, 200]
    assert [(await answered(guard, GOOD)).status for _ in range(3)] == [failure, 200, 401]
    assert len(inner.took) == 2


async def test_what_broke_may_be_repeated(guard: Guard, inner: Inner) -> None:
    inner.statuses.append(0)
    with pytest.raises(RuntimeError):
        await answered(guard, GOOD)
    assert await status(guard, GOOD) == 200


async def test_what_was_cancelled_may_be_repeated(guard: Guard, inner: Inner) -> None:
    inner.may_answer.clear()
    task = asyncio.create_task(answered(guard, GOOD))
    await inner.started.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    inner.may_answer.set()
    assert await status(guard, GOOD) == 200


async def test_a_copy_is_refused_while_the_first_is_worked_on(guard: Guard, inner: Inner) -> None:
    inner.may_answer.clear()
    first = asyncio.create_task(answered(guard, GOOD))
    await inner.started.wait()
    assert await status(guard, GOOD) == 401
    inner.may_answer.set()
    assert (await first).status == 200
    assert len(inner.took) == 1


async def test_the_log_gets_a_line_a_minute_for_each_reason(
    guard: Guard, clock: Clock, logged: list[structlog.typing.EventDict]
) -> None:
    for _ in range(1_000):
        await status(guard, Request(b"x"))
        await status(guard, signed(b"{}", secret="wrong", at=clock.now))
    assert [(line["reason"], line["count"]) for line in logged] == [("headers", 1), ("signature", 1)]
    clock.now += 60
    await status(guard, Request(b"x"))
    assert (logged[-1]["reason"], logged[-1]["count"]) == ("headers", 1_000)


async def test_a_wrong_clock_and_an_old_secret_are_told(
    guard: Guard, clock: Clock, logged: list[structlog.typing.EventDict]
) -> None:
    clock.now = NOW + 400
    assert await status(guard, signed(b"{}", at=NOW, secret=PREVIOUS)) == 401
    assert [line["reason"] for line in logged] == ["previous_secret", "clock_skew", "stale"]
    assert logged[1]["seconds_ahead"] == 400


async def test_nobody_without_the_secret_makes_it_tell_of_clocks(
    guard: Guard, logged: list[structlog.typing.EventDict]
) -> None:
    assert await status(guard, signed(b"{}", at=NOW - 4_000, secret="wrong")) == 401
    assert [line["reason"] for line in logged] == ["signature"]


def test_a_reason_is_due_again_after_a_clock_was_set_back() -> None:
    tally = Tally()
    assert [tally.due("a", NOW), tally.due("a", NOW - 3_600), tally.due("a", NOW - 3_540)] == [1, 0, 2]


@pytest.mark.parametrize("secrets", [(), (Secret(""),), (SECRETS[0], Secret(""))])
def test_without_a_secret_there_is_no_guard(inner: Inner, secrets: tuple[Secret, ...]) -> None:
    with pytest.raises(SettingsError):
        Guard(inner, secrets)


@contextlib.asynccontextmanager
async def serving(application: ASGIApp) -> AsyncIterator[int]:
    """A real HTTP server with the guard at its route; yields the port."""
    routed = Starlette(routes=[Route("/slack/events", application)])
    config = uvicorn.Config(
        routed, host="127.0.0.1", port=0, http="h11", ws="none", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    serve = asyncio.create_task(server.main_loop())
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serve
        await server.shutdown()


def head(*more: str, lines: list[str] = LINES) -> bytes:
    return "\r\n".join(["POST /slack/events HTTP/1.1", *lines, *more, "", ""]).encode()


async def raw(port: int, *pieces: bytes, end: bool = False) -> bytes:
    """Everything that the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


async def honest(port: int) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(
            f"http://127.0.0.1:{port}/slack/events", content=GOOD.body, headers=dict(GOOD.headers[1:])
        )


async def test_over_a_socket_a_good_request_is_answered(guard: Guard, inner: Inner) -> None:
    async with serving(guard) as port:
        response = await honest(port)
    assert (response.status_code, response.text) == (200, "taken")
    assert inner.took == [event()]


async def test_over_a_socket_a_slow_body_is_cut_off(guard: Guard, inner: Inner) -> None:
    async with serving(guard) as port:
        said = await raw(port, head("content-length: 500"), b"{")
        assert said.startswith(b"HTTP/1.1 408 ")
        crowd = [asyncio.create_task(raw(port, head("content-length: 500"), b"{")) for _ in range(100)]
        assert (await honest(port)).status_code == 200
        assert all(said.startswith(b"HTTP/1.1 408 ") for said in await asyncio.gather(*crowd))
    assert len(inner.took) == 1


async def test_over_a_socket_a_body_without_end_is_cut_off(guard: Guard, inner: Inner) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    async with serving(guard) as port:
        said = await raw(port, head("transfer-encoding: chunked"), *[chunk] * (MOST_OCTETS // 65_536 + 1))
        assert said.startswith(b"HTTP/1.1 413 ")
        assert (await honest(port)).status_code == 200
    assert len(inner.took) == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([*LINES, f"content-length: {MOST_OCTETS + 1}"], b"413"),
        ([*LINES[:3], "content-length: 10"], b"401"),
        ([*LINES, LINES[3], "content-length: 10"], b"401"),
        ([*LINES[:2], "x-slack-request-timestamp: ١", LINES[3], "content-length: 10"], b"401"),
        ([*LINES[:3], f"x-slack-signature: v0=\r\n {LINES[3][22:]}", "content-length: 10"], b"401"),
    ],
)
async def test_over_a_socket_a_bad_head_is_refused_before_the_body(
    guard: Guard, lines: list[str], expected: bytes
) -> None:
    async with serving(guard) as port:
        said = await raw(port, head(lines=lines))
    assert said.split(b" ")[1] == expected
    assert said.endswith(b"\r\n\r\n")


async def test_over_a_socket_a_client_that_leaves_disturbs_nobody(
    guard: Guard, inner: Inner, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(guard) as port:
        assert await raw(port, head("content-length: 500"), b"{", end=True) == b""
        assert (await honest(port)).status_code == 200
    assert len(inner.took) == 1
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]
