"""Limits, faults and refusals of the fake Discord that have nothing to do with what is asked for."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import aiohttp
import pytest

from tests.fakes.discord_client import App, Server, logged_in

QUIET: dict[str, Any] = {"parse": []}
MESSAGES = "/channels/{channel_id}/messages"
CDN = "/attachments/{channel_id}/{file_id}/{name}"
MESSAGE = f"{MESSAGES}/{{message_id}}"


def path(server: Server, message: str = "") -> str:
    return f"/channels/{server.general.id}/messages" + (f"/{message}" if message else "")


async def test_a_dead_token_may_be_told_once(server: Server) -> None:
    old = server.fake.token
    server.fake.new_token()
    assert (await server.call("GET", "/users/@me", token=old))[0] == 401
    server.fake.told_long_ago()
    assert server.fake.violations == []
    assert (await server.call("GET", "/users/@me", token=old))[0] == 401
    assert [each.code for each in server.fake.violations] == ["called_after_401"]
    assert len(server.fake.invalid) == 2
    server.fake.allows("called_after_401")


async def test_headers_of_a_request(server: Server) -> None:
    url, token = server.fake.api_url + path(server), f"Bot {server.fake.token}"
    async with server.http.get(url, headers={"Authorization": token, "User-Agent": "curl"}) as response:
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Via"]
    agent = {"Authorization": token, "User-Agent": "DiscordBot (https://example.org, 1)"}
    async with server.http.post(url, data=b"{}", headers={**agent, "Content-Type": "text/plain"}) as response:
        assert response.status == 400
    async with server.http.post(url, data=b"{", headers={**agent, "Content-Type": "application/json"}) as response:
        assert (await response.json())["code"] == 50109
    assert [each.code for each in server.fake.violations] == ["user_agent", 50035, 50109]
    server.fake.allows("user_agent", 50035, 50109)


async def test_a_bucket_empties_and_fills(server: Server) -> None:
    fake, url = server.fake, server.fake.api_url + path(server)
    fake.limits.rules["GET", MESSAGES] = (2, 60.0)
    headers = {"Authorization": f"Bot {fake.token}", "User-Agent": "DiscordBot (https://example.org, 1)"}

    async def get() -> tuple[int, dict[str, str], Any]:
        async with server.http.get(url, headers=headers) as response:
            return response.status, dict(response.headers), await response.json()

    status, first, _ = await get()
    assert (status, first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == (200, "2", "1")
    assert 0 < float(first["X-RateLimit-Reset-After"]) <= 60
    assert (await get())[1]["X-RateLimit-Remaining"] == "0"
    status, told, body = await get()
    assert (status, told["X-RateLimit-Scope"], body["global"]) == (429, "user", False)
    assert 0 < body["retry_after"] <= 60
    assert int(told["Retry-After"]) == math.ceil(body["retry_after"])
    assert fake.violations == []
    fake.told_long_ago()
    assert (await get())[0] == 429
    assert [each.code for each in fake.violations] == ["called_inside_retry_after"]
    fake.allows("called_inside_retry_after")
    other = fake.channel(server.acme, "other")
    assert (await server.call("GET", f"/channels/{other.id}/messages"))[0] == 200  # a bucket of its own
    fake.advance(60)
    assert (await get())[0] == 200
    assert len(fake.invalid) == 2


async def test_fifty_requests_a_second_for_the_whole_bot(server: Server) -> None:
    server.fake.limits.overall, server.fake.limits.overall_seconds = 3, 60.0
    answers = [await server.call("GET", "/gateway") for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    assert answers[-1][1]["global"] is True
    server.fake.advance(60)
    assert (await server.call("GET", "/gateway"))[0] == 200


async def test_too_many_invalid_requests_fail_the_test(server: Server) -> None:
    server.fake.limits.on = False
    await server.fake.denies(server.general, "VIEW_CHANNEL")
    for _ in range(101):
        await server.refused("GET", f"/channels/{server.general.id}")
    assert [each.code for each in server.fake.violations] == ["too_many_invalid"]
    server.fake.allows("too_many_invalid")


async def test_faults_strike_in_order(server: Server) -> None:
    fake = server.fake
    message, body = await server.posted(), {"content": "t", "allowed_mentions": QUIET}
    first = fake.fail("PATCH", MESSAGE, code=10008, after=1)
    assert (await server.call("PATCH", path(server, message.id), body))[0] == 200
    assert not first.struck
    assert await server.refused("PATCH", path(server, message.id), body) == (404, 10008)
    await fake.met(first)
    for fault, seen in (
        ({"status": 503}, (503, 0)),
        ({"status": 400, "body": {"code": 1}}, (400, 1)),
    ):
        fake.fail("PATCH", MESSAGE, **fault)
        assert await server.refused("PATCH", path(server, message.id), body) == seen
    fake.fail("PATCH", MESSAGE, code=50013, at="1" * 18)
    assert (await server.call("PATCH", path(server, message.id), body))[0] == 200
    assert [each.status for each in fake.called("PATCH", MESSAGE)] == [200, 404, 503, 400, 200]


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        ({"retry_after": 100.5}, {"Retry-After": "101", "X-RateLimit-Scope": "user", "Via": "1.1 fake"}),
        ({"retry_after": 0.0, "scope": "shared"}, {"Retry-After": "0", "X-RateLimit-Scope": "shared"}),
        ({"retry_after": 100.0, "scope": "global"}, {"X-RateLimit-Global": "true"}),
        ({}, {"X-RateLimit-Scope": "user"}),
        ({"html": True, "via": False}, {"Content-Type": "text/html; charset=utf-8"}),
    ],
)
async def test_faults_of_429(server: Server, fault: dict[str, Any], headers: dict[str, str]) -> None:
    server.fake.fail("GET", MESSAGES, status=429, **fault)
    asking = {"Authorization": f"Bot {server.fake.token}", "User-Agent": "DiscordBot (https://example.org, 1)"}
    async with server.http.get(server.fake.api_url + path(server), headers=asking) as response:
        assert response.status == 429
        assert headers.items() <= response.headers.items()
        assert ("Via" in response.headers) == fault.get("via", True)
        assert ("retry_after" in await response.text()) == ("retry_after" in fault)
    assert len(server.fake.invalid) == (0 if fault.get("scope") == "shared" else 1)
    server.fake.told_long_ago()
    await server.call("GET", path(server))
    late = [each.code for each in server.fake.violations]
    assert late == (["called_inside_retry_after"] if fault.get("retry_after") else [])
    server.fake.allows("called_inside_retry_after")


@pytest.mark.parametrize(("drop", "posts"), [("before", 0), ("after", 1)])
async def test_a_dropped_request_did_or_did_not_take_effect(server: Server, drop: Any, posts: int) -> None:
    server.fake.fail("POST", MESSAGES, drop=drop)
    with pytest.raises(aiohttp.ClientConnectionError):
        await server.posted()
    assert len(server.fake.posts(server.general)) == posts
    assert server.fake.calls[-1].status == 0


async def test_a_request_took_effect_though_nobody_says_so(server: Server) -> None:
    fake = server.fake
    fake.fail("POST", MESSAGES, status=500, applied=True)
    assert (await server.call("POST", path(server), {"content": "t", "allowed_mentions": QUIET}))[0] == 500
    fake.fail("POST", MESSAGES, drop="silence")
    posting = asyncio.create_task(server.posted())
    await fake.until(lambda: len(fake.posts(server.general)) == 2)
    posting.cancel()


async def test_a_request_that_hangs(server: Server) -> None:
    gate = asyncio.Event()
    fault = server.fake.fail("POST", MESSAGES, hold=gate)
    posting = asyncio.create_task(server.posted())
    await server.fake.met(fault)
    assert not posting.done()
    gate.set()
    assert (await posting).content == "first"


async def test_files_are_served_without_a_token(server: Server) -> None:
    file = server.fake.file("notes.txt", "some notes")
    await server.fake.says(server.alice, server.general, "look", files=[file])
    _, shown = await server.call("GET", path(server))
    url = shown[0]["attachments"][0]["url"]
    async with server.http.get(url) as response:
        assert await response.text() == "some notes"
    async with server.http.get(url, headers={"Authorization": f"Bot {server.fake.token}"}):
        pass
    assert [each.code for each in server.fake.violations] == ["token_to_cdn"]
    server.fake.allows("token_to_cdn")
    server.fake.fail("GET", CDN, status=503)
    del server.fake.files[file.id]
    for status in (503, 404):
        async with server.http.get(url) as response:
            assert response.status == status
    assert [each.status for each in server.fake.called("GET", CDN)] == [200, 200, 503, 404]


async def test_discord_py_waits_out_a_limit(server: Server) -> None:
    server.fake.fail("POST", MESSAGES, status=429, retry_after=0.05)
    async with logged_in(server.fake, App()) as app:
        channel: Any = await app.fetch_channel(int(server.general.id))
        await channel.send("at last")
    assert [each.status for each in server.fake.called("POST", MESSAGES)] == [429, 200]
