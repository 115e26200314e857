"""One question over a real socket: the request octet for octet, every odd but ordinary answer, secrets, closing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from core.chat.client import ChatClient, Service
from core.chat.contract import Message
from core.chat.progress import Delta, Finished, Progress
from core.errors import ServiceUnavailable, SettingsError, TokenRefused, TokenWanted
from core.secret import Secret
from core.wording import sentence
from tests.chat.asking import QUESTION, REPOSITORY, TOKEN, ask, asking, check_harmless, question
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import (
    Exchange,
    Reply,
    chunked,
    event,
    head,
    piece,
    refuses,
    response,
    says,
    sends,
    stream,
    streams,
    whole,
)


async def test_the_request_octet_for_octet() -> None:
    async with FakeChat() as fake, asking(fake.url) as asker:
        await asker.ask([Message(role="user", content="Wo wird „das“ gemacht? 😀")])
        body = '{"messages":[{"role":"user","content":"Wo wird „das“ gemacht? 😀"}],"model":"gpt-4o","stream":true}'
        assert fake.requests[0].raw.decode() == "\r\n".join(
            [
                "POST /chat?repo_name=github.com%2Fcanary-owner%2Fcanary-name HTTP/1.1",
                f"Host: {fake.url.removeprefix('http://')}",
                "Connection: keep-alive",
                "User-Agent: askrepo",
                "Accept: text/event-stream, application/json",
                "Accept-Encoding: identity",
                "Content-Type: application/json",
                f"Authorization: Bearer {TOKEN}",
                f"Content-Length: {len(body.encode())}",
                "",
                body,
            ]
        )


async def test_what_is_configured_is_sent() -> None:
    async with FakeChat() as fake, asking(fake.url, model="m-2", temperature=0.5, stream=False) as asker:
        asked = await asker.ask()
        assert asked.progress[0] == Delta(asked.finished.text)
        assert fake.requests[0].json == {
            "messages": [message.model_dump() for message in QUESTION],
            "model": "m-2",
            "stream": False,
            "temperature": 0.5,
        }
        assert fake.requests[0].header("accept") == "application/json"


@pytest.mark.parametrize("temperature", [0, 2])
async def test_the_ends_of_the_temperature_are_sent(temperature: float) -> None:
    async with FakeChat() as fake:
        await ask(fake.url, temperature=temperature)
        assert fake.requests[0].json["temperature"] == temperature


async def test_no_token_is_no_header() -> None:
    async with FakeChat(anonymous=True) as fake, asking(fake.url) as asker:
        await asker.ask(anonymous=True)
        assert fake.requests[0].header("authorization") is None


async def test_a_base_url_may_have_a_path_of_its_own() -> None:
    async with FakeChat(path="/api/chat") as fake:
        assert (await ask(f"{fake.url}/api/")).finished


async def test_an_openai_compatible_service_gets_the_repository_in_a_system_message() -> None:
    path = "/v1/chat/completions"
    async with FakeChat(path=path) as fake:
        assert f"You asked about {REPOSITORY}" in (await ask(fake.url, path=path)).finished.text
        first, *rest = fake.requests[0].json["messages"]
        assert first == {"role": "system", "content": f"The questions are about the code repository {REPOSITORY}."}
        assert rest == [message.model_dump() for message in QUESTION]


ODD: list[Reply] = [
    says("Wh", "ole"),
    says("Wh", "ole", ending="close"),
    streams(*stream(["Whole"], done=False)),
    streams(b"".join(stream(["Whole"]))),
    streams(b"".join(stream(["Whole"], done=False)).rstrip(b"\n")),
    streams(*(bytes([octet]) for octet in b"".join(stream(["Wh", "ole"])))),
    streams(b": ping\n\n", b"\n", b"retry: 5\n\n", *stream(["Whole"]), b": ping\n\n"),
    streams(event(piece("Wh", role="assistant")), event({"choices": [], "usage": None}), *stream(["ole"])),
    streams(*(octets.replace(b"\n", b"\r\n") for octets in stream(["Wh", "ole"]))),
    streams(*(octets.replace(b"data: ", b"id: 1\x00\nevent: x\ndata:") for octets in stream(["Wh", "ole"]))),
    streams(b"\xef\xbb\xbf", *stream(["Whole"])),
    streams(*stream(["Whole"]), ending="stall"),
    streams(*stream(["Whole"]), ending="reset"),
    streams(*stream(["Whole"], done=False), ending="close"),
    streams(*stream(["Whole"]), event(piece(" but not this"))),
    sends(head(200) + b"".join(stream(["Whole"])), "close"),
    sends(b"HTTP/1.1 100 Continue\r\n\r\n" + head(200) + b"".join(stream(["Whole"])), "close"),
    sends(head(200, content_type="Text/Event-Stream; charset=UTF-8") + b"".join(stream(["Whole"])), "close"),
    sends(response(json.dumps(whole("Whole")).encode())),
    sends(response(json.dumps(whole("Whole")).encode(), content_type="application/json; charset=utf-8")),
    sends(response(json.dumps(whole("Whole", finish=None)).encode(), 200, "Content-Encoding: identity")),
    sends(response(b'{"choices":[{"message":{"content":"Whole"}}]}')),
]


@pytest.mark.parametrize("reply", ODD)
async def test_every_odd_but_ordinary_answer_works(reply: Reply) -> None:
    async with FakeChat(reply) as fake:
        assert (await ask(fake.url)).finished.text == "Whole"
        assert len(fake.requests) == 1


async def test_a_character_cut_between_segments_arrives_whole() -> None:
    octets = b"".join(stream(["Grüße, 日本 😀"]))

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Connection: close"))
        for octet in octets:
            await exchange.send(bytes([octet]))
            await asyncio.sleep(0)
        await exchange.finish("close")

    async with FakeChat(reply) as fake:
        assert (await ask(fake.url)).finished.text == "Grüße, 日本 😀"


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls"])
async def test_why_it_finished_is_told(reason: str) -> None:
    async with FakeChat(streams(*stream(["Cut"], reason))) as fake:
        finished = (await ask(fake.url)).finished
        assert (finished.text, finished.finish_reason, finished.model) == ("Cut", reason, "gpt-4o")


async def test_text_is_passed_on_before_the_answer_is_whole() -> None:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked") + chunked(event(piece("First"))))
        await taken.wait()
        await exchange.send(b"".join(map(chunked, [*stream([" then"]), b""])))

    taken = asyncio.Event()
    async with FakeChat(reply) as fake, asking(fake.url) as asker, aclosing(question(asker.client)) as progress:
        assert await anext(progress) == Delta("First")
        taken.set()
        assert [type(step) for step in [step async for step in progress]][-1] is Finished


async def test_connections_are_used_again() -> None:
    async with FakeChat() as fake, asking(fake.url) as asker:
        for _ in range(5):
            await asker.ask()
            async with aclosing(question(asker.client)) as progress:
                assert [step async for step in until_finished(progress)]
        assert fake.connections == 1


async def until_finished(progress: AsyncGenerator[Progress, None]) -> AsyncGenerator[Progress, None]:
    async for step in progress:
        yield step
        if isinstance(step, Finished):
            return


async def test_a_connection_the_service_closed_meanwhile_is_no_failure() -> None:
    async with (
        FakeChat(says("a", ending="close"), says("b", ending="close"), says("c")) as fake,
        asking(fake.url) as asker,
    ):
        assert [(await asker.ask()).finished.text for _ in range(3)] == ["a", "b", "c"]


async def test_many_streams_at_once() -> None:
    many = 150  # httpx alone would stop at 100
    here = 0
    all_here = asyncio.Event()

    async def together(exchange: Exchange) -> None:
        nonlocal here
        here += 1
        if here == many:
            all_here.set()
        await all_here.wait()
        await says(exchange.request.question)(exchange)

    async with FakeChat(default=together) as fake, asking(fake.url) as asker:
        questions = [[Message(role="user", content=f"question {number}")] for number in range(many)]
        answers = await asyncio.gather(*(asker.ask(messages) for messages in questions))
        assert [asked.text for asked in answers] == [f"question {number}" for number in range(many)]
        assert len(fake.requests) == many


async def test_a_cookie_is_never_kept() -> None:
    async with FakeChat(sends(response(json.dumps(whole("a")).encode(), 200, "Set-Cookie: session=1"))) as fake:
        async with asking(fake.url) as asker:
            await asker.ask()
            await asker.ask()
        assert [request.header("cookie") for request in fake.requests] == [None, None]


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeChat() as proxy, FakeChat() as fake:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await ask(fake.url)).finished
        assert proxy.connections == 0


@pytest.mark.parametrize("url", ["ftp://x.example", "http://", "http://[::1", "http://x.example:99999", "http://\x00"])
async def test_an_address_that_cannot_be_one_is_a_setting(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ChatClient(Service(url))
    check_harmless(caught.value, url)


@pytest.mark.parametrize("token", ["zebra\r\nX: y", "zeb ra", "zebra\0", "zebrä"])
async def test_a_token_that_cannot_be_sent_is_not(token: str) -> None:
    async with FakeChat() as fake, asking(fake.url) as asker:
        asked = await asker.ask(token=Secret(token))
        assert isinstance(asked.error, TokenRefused)
        check_harmless(asked.error, token, "zeb")
        assert fake.connections == 0


async def test_a_token_that_is_wanted_is_told_from_one_that_is_refused() -> None:
    async with FakeChat(refuses(401), refuses(401), anonymous=True) as fake, asking(fake.url) as asker:
        assert type((await asker.ask(anonymous=True)).error) is TokenWanted
        assert type((await asker.ask()).error) is TokenRefused
    said = sentence(TokenWanted())
    assert "wants a token, and none is set" in said
    assert "refused" not in said


async def test_no_log_line_holds_what_is_nobodys_business(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    async with FakeChat(refuses(503, message="canary"), refuses(429, message="canary"), refuses(401)) as fake:
        await ask(fake.url)
        await ask(fake.url)
    for secret in (TOKEN, "canary", fake.url.removeprefix("http://")):
        assert secret not in caplog.text


async def test_an_error_of_the_first_attempt_does_not_hang_on_the_last() -> None:
    async with FakeChat(refuses(503), sends(b"", "reset"), refuses(502)) as fake:
        error = (await ask(fake.url)).error
        assert isinstance(error, ServiceUnavailable)
        assert error.detail == "502"
