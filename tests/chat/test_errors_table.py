"""The error table of chat-api.md, over a real socket: what is raised, what is sent again, what is told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.chat.contract import Message
from core.chat.deadlines import Deadlines
from core.chat.progress import Reason, Shortened, Waiting
from core.errors import (
    BadRequest,
    BrokenOff,
    ChatError,
    ConversationTooLong,
    RateLimited,
    RepositoryIndexing,
    ServiceUnavailable,
    TokenRefused,
    UnknownModel,
    UnknownRepository,
    UnusableAnswer,
)
from tests.chat.asking import Asked, ask, asking, listening
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import (
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

TALK = [
    Message(role="system", content="rules"),
    Message(role="user", content="first"),
    Message(role="assistant", content="one"),
    Message(role="user", content="other"),
    Message(role="assistant", content="two"),
    Message(role="user", content="third"),
]
PAGE = response(b"<html>canary</html>", 200, content_type="text/html")


async def one(*replies: Reply) -> tuple[Asked, int, list[float]]:
    """What came of the question, how often it was sent, and the waits between."""
    async with FakeChat(*replies) as fake, asking(fake.url) as asker:
        asked = await asker.ask()
        return asked, len(fake.requests), asker.pauses


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refuses(401, code="invalid_api_key", message="canary"), TokenRefused),
        (refuses(403, message="canary"), TokenRefused),
        (refuses(404, code="model_not_found", message="canary"), UnknownModel),
        (refuses(404, param="repo_name", message="canary"), UnknownRepository),
        (refuses(400, message="canary"), BadRequest),
        (refuses(422, message="canary"), BadRequest),
        (sends(response(b"", 404)), BadRequest),
        (sends(PAGE), UnusableAnswer),
        (sends(response(b"", 200)), UnusableAnswer),
        (sends(response(b"{", 200)), UnusableAnswer),
        (sends(response(json.dumps(whole("")).encode())), UnusableAnswer),
        (sends(b"HTTP/1.1 204 No Content\r\n\r\n"), UnusableAnswer),
        (sends(head(200, "Content-Length: 0", content_type="")), UnusableAnswer),
        (sends(response(json.dumps(whole("x")).encode(), 200, content_type="text/plain")), UnusableAnswer),
        (sends(response(json.dumps(whole("x")).encode(), 206)), UnusableAnswer),
        (sends(response(json.dumps(whole("x")).encode(), 200, "Content-Encoding: gzip")), UnusableAnswer),
        (streams(*stream(["canary"]), fields=("Content-Encoding: br",)), UnusableAnswer),
        (streams(*stream([])), UnusableAnswer),
        (streams(event(piece(" \n")), event(piece(finish="stop")), event("[DONE]")), UnusableAnswer),
        (streams(event({"error": {"code": "invalid_api_key", "message": "canary"}})), TokenRefused),
        (sends(response(b'{"error": {"code": "model_not_found"}}')), UnknownModel),
    ],
)
async def test_what_is_not_sent_again(reply: Reply, kind: type[ChatError]) -> None:
    asked, sent, pauses = await one(reply)
    assert type(asked.error) is kind
    assert (sent, pauses) == (1, [])


BUSY = [
    *(sends(response(b"<html>canary</html>", status, content_type="text/html")) for status in (500, 502, 503, 504)),
    refuses(408),
    sends(b"", "close"),
    sends(b"", "reset"),
    sends(b"HTTP/1.1 200", "close"),
    sends(head(200, "Transfer-Encoding: chunked"), "reset"),
    sends(head(200, "Transfer-Encoding: chunked") + chunked(event(piece(role="assistant"))), "close"),
    sends(head(200, "Transfer-Encoding: chunked") + b"zz\r\n", "close"),
    sends(head(200, "Content-Length: 1000", content_type="application/json") + b'{"choices":', "close"),
    sends(head(200, "Content-Length: 5", "Content-Length: 6"), "close"),
    sends(b"SSH-2.0-OpenSSH_9.2\r\n", "close"),
    sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, "close"),
    streams(),
    streams(event("[DONE]")),
    streams(event({"error": {"message": "canary", "code": "server_error"}})),
    streams(event({"error": "canary"})),
    streams(event({"error": {"code": 429}})),
]


@pytest.mark.parametrize("busy", BUSY)
async def test_what_is_sent_again_until_it_works(busy: Reply) -> None:
    asked, sent, pauses = await one(busy, busy, says("Here."))
    assert asked.finished.text == "Here."
    assert sent == 3
    assert 0.5 <= pauses[0] <= 1.0 <= pauses[1] <= 1.5


@pytest.mark.parametrize("busy", BUSY)
async def test_what_is_sent_again_only_so_often(busy: Reply) -> None:
    asked, sent, _ = await one(busy, busy, busy, says("too late"))
    assert isinstance(asked.error, ServiceUnavailable | RateLimited)
    assert sent == 3


async def test_a_service_that_is_not_there() -> None:
    async with FakeChat() as fake:
        url = fake.url
    asked = await ask(url)
    assert isinstance(asked.error, ServiceUnavailable)
    assert asked.error.detail == "ConnectError"


async def test_a_service_that_does_not_speak_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(b"", 400))

    async with listening(serve) as port:
        asked = await ask(f"https://127.0.0.1:{port}")
    assert isinstance(asked.error, ServiceUnavailable)


async def test_an_index_is_waited_for_once_and_told() -> None:
    asked, sent, pauses = await one(refuses(409), says("Here."))
    assert asked.progress[0] == Waiting(10, Reason.INDEXING)
    assert asked.finished.text == "Here."
    assert (sent, pauses) == (2, [10])

    asked, sent, pauses = await one(refuses(409), refuses(503, code="repository_indexing"), says("too late"))
    assert isinstance(asked.error, RepositoryIndexing)
    assert (sent, pauses) == (2, [10])


async def test_a_rate_limit_is_waited_for() -> None:
    asked, _, pauses = await one(refuses(429, "Retry-After: 3"), says("Here."))
    assert asked.finished.text == "Here."
    assert not [step for step in asked.progress if isinstance(step, Waiting)]
    assert 3 <= pauses[0] <= 3.5


async def test_a_long_rate_limit_is_told() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    asked, _, pauses = await one(refuses(429, f"Retry-After: {date}"), says("Here."))
    (waiting,) = (step for step in asked.progress if isinstance(step, Waiting))
    assert waiting == Waiting(pauses[0], Reason.RATE_LIMITED)
    assert 30 < waiting.seconds <= 40.5


@pytest.mark.parametrize("value", ["61", "999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_rate_limit_too_long_to_wait_for_is_told_instead(value: str) -> None:
    asked, sent, pauses = await one(refuses(429, f"Retry-After: {value}"), says("too late"))
    assert isinstance(asked.error, RateLimited)
    assert asked.error.retry_after is not None
    assert 60 < asked.error.retry_after <= 86_400
    assert (sent, pauses) == (1, [])


@pytest.mark.parametrize("value", ["-1", "", "soon", "nan"])
async def test_a_rate_limit_without_a_meaning_backs_off(value: str) -> None:
    asked, _, pauses = await one(refuses(429, f"Retry-After: {value}"), says("Here."))
    assert asked.finished.text == "Here."
    assert 0.5 <= pauses[0] <= 1


async def test_no_wait_outlasts_the_total_deadline() -> None:
    async with FakeChat(refuses(429, "Retry-After: 30")) as fake:
        asked = await ask(fake.url, deadlines=Deadlines(total=20))
        assert isinstance(asked.error, RateLimited)
        assert len(fake.requests) == 1


@pytest.mark.parametrize("refused", [refuses(413), refuses(400, code="context_length_exceeded")])
async def test_a_conversation_too_long_loses_its_oldest_turns_once(refused: Reply) -> None:
    async with FakeChat(refused, says("Here.")) as fake, asking(fake.url) as asker:
        asked = await asker.ask(TALK)
        assert asked.progress[0] == Shortened(1)
        assert asked.finished.text == "Here."
        sent = [[message["content"] for message in request.json["messages"]] for request in fake.requests]
        assert sent == [["rules", "first", "one", "other", "two", "third"], ["rules", "other", "two", "third"]]

    async with FakeChat(refused, refused, says("too late")) as fake, asking(fake.url) as asker:
        asked = await asker.ask(TALK)
        assert isinstance(asked.error, ConversationTooLong)
        assert asked.progress == [Shortened(1)]
        assert len(fake.requests) == 2


async def test_a_question_too_long_by_itself_is_not_sent_again() -> None:
    asked, sent, _ = await one(refuses(413))
    assert isinstance(asked.error, ConversationTooLong)
    assert (asked.progress, sent) == ([], 1)


async def test_the_slow_retry_the_shorter_one_and_the_backed_off_ones_add_up() -> None:
    replies = refuses(409), refuses(413), refuses(503), refuses(429), says("Here.")
    async with FakeChat(*replies) as fake, asking(fake.url) as asker:
        assert (await asker.ask(TALK)).finished.text == "Here."
        assert len(fake.requests) == 5


@pytest.mark.parametrize(
    "reply",
    [
        streams(event(piece("So far")), ending="close"),
        streams(event(piece("So far")), ending="reset"),
        streams(event(piece("So far"))),
        streams(event(piece("So far")), event("[DONE]")),
        streams(event(piece("So far")), event({"error": {"message": "canary"}}), event(piece(" not this", "stop"))),
        streams(event(piece("So far")), event({"error": {"code": 429}})),
        streams(event(piece("So far")), b"data: canary\n\n", event(piece(" not this", "stop"))),
        sends(head(200, "Transfer-Encoding: chunked") + chunked(event(piece("So far"))) + b"zz\r\n", "close"),
    ],
)
async def test_what_breaks_off_after_some_text_is_never_whole_and_never_sent_again(reply: Reply) -> None:
    asked, sent, pauses = await one(reply, says("a second generation"))
    assert isinstance(asked.error, BrokenOff)
    assert asked.error.partial == "So far"
    assert (sent, pauses) == (1, [])


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_refused_and_nobody_else_is_asked(status: int) -> None:
    async with FakeChat() as elsewhere:
        async with FakeChat(sends(response(b"", status, f"Location: {elsewhere.url}/chat"))) as fake:
            assert isinstance((await ask(fake.url)).error, UnusableAnswer)
            assert len(fake.requests) == 1
        assert elsewhere.connections == 0
