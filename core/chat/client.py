"""Asking /chat one question: sent, sent again where that helps, streamed, and ended by a verdict or a ChatError."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar, cast

import httpcore
import httpx

from core import logs
from core.chat import request
from core.chat.answer import StreamedAnswer, whole_answer
from core.chat.connections import Connections
from core.chat.contract import DEFAULT_MODEL, Message
from core.chat.deadlines import Deadlines, Watch
from core.chat.network import Stream
from core.chat.progress import Delta, Finished, Progress, Shortened
from core.chat.refusals import BODY_LIMIT, refusal, without_token
from core.chat.retries import Retries
from core.errors import BadRequest, ChatError, ConversationTooLong, ServiceUnavailable, SettingsError, UnusableAnswer
from core.secret import Secret

RAW_LIMIT = 2 << 20  # octets of an unstreamed body; JSON escapes can make an answer several times its length

_DRAIN_SECONDS = 0.1

# TLS failures in mid-stream and names that cannot be resolved come through httpcore untranslated.
_FOREIGN = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,
    UnicodeError,
)

T = TypeVar("T")

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """Where and how to ask. A path ending in `/chat/completions` means an OpenAI-compatible service."""

    base_url: str
    path: str = "/chat"
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    stream: bool = True
    deadlines: Deadlines = field(default_factory=Deadlines)


class ChatClient:
    """The one client of a process, with the one pool of connections.

    `pause` waits between retries. Raises SettingsError if the service's address cannot be one.
    """

    def __init__(self, service: Service, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._service = service
        self._pause = pause
        self._url = _address(service)
        # At INFO httpx writes every URL, and repository names are confidential.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = httpx.AsyncClient(
            transport=Connections(authorities()),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - every wait stands under a deadline of ours, see deadlines.py
            headers={"User-Agent": "askrepo"},
            # A service's cookie would tie one asker's question to another's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    @property
    def first_token_seconds(self) -> float:
        """How long the first text of an answer is waited for."""
        return self._service.deadlines.first_token

    async def aclose(self) -> None:
        """Close every connection. Questions still running end with an error."""
        await self._http.aclose()

    async def ask(
        self,
        repository: str,
        messages: Sequence[Message],
        token: Secret | None,
        ready: Callable[[], Awaitable[None]] | None = None,
        *,
        model: str | None = None,
        every: float = 0.0,
    ) -> AsyncGenerator[Progress, None]:
        """Ask; the last of `messages` is the question. `model` is asked for instead of the service's usual one.

        After its first text the answer is read `every` so many seconds, 0.0 for as it comes.
        `ready` is awaited before each request, repeated ones too, and may raise to keep it from being sent.
        Yields text and notices, and Finished at the end, or raises a ChatError whose `partial` is the text that was
        yielded. Close it (`contextlib.aclosing`) to stop early: the connection is closed with it.
        """
        with Watch(self._service.deadlines) as watch:
            retries = Retries()
            shortened = False
            while True:
                failure = None
                if ready is not None:
                    await ready()
                asked = self._request(repository, messages, token, watch, model or self._service.model)
                async with aclosing(self._attempt(asked, watch, every)) as attempt:
                    try:
                        async for progress in attempt:
                            yield progress
                    except ChatError as error:
                        failure = error if token is not None else without_token(error)
                if failure is None:
                    return
                fewer = request.without_oldest(messages) if isinstance(failure, ConversationTooLong) else None
                if fewer and not shortened:
                    messages, dropped = fewer
                    shortened = True
                    yield Shortened(dropped)
                    continue
                waiting = retries.after(failure, watch.seconds_left())
                if waiting is None:
                    raise failure
                log.warning("chat_retry", error=type(failure).__name__, detail=failure.detail, seconds=waiting.seconds)
                if retries.worth_telling:
                    yield waiting
                await self._pause(waiting.seconds)

    def _request(
        self, repository: str, messages: Sequence[Message], token: Secret | None, watch: Watch, model: str
    ) -> httpx.Request:
        service = self._service
        return self._http.build_request(
            "POST",
            self._url,
            params=request.query(service.path, repository),
            headers=request.headers(token, stream=service.stream),
            content=request.body(
                service.path,
                repository,
                messages,
                model=model,
                stream=service.stream,
                temperature=service.temperature,
            ),
            extensions={"trace": _Connecting(watch, streaming=service.stream)},
        )

    async def _attempt(
        self, asked: httpx.Request, watch: Watch, every: float
    ) -> AsyncGenerator[Delta | Finished, None]:
        watch.connecting()
        response = await _step(self._http.send(asked, stream=True), watch)
        octets, network = _octets(response), cast("Stream", response.extensions["network_stream"])
        try:
            kind = await _kind(response, octets, watch)
            if kind == "application/json":
                watch.sending(streaming=False)  # nor is it, whatever was asked for
                finished = whole_answer(await _whole_body(octets, watch))
                yield Delta(finished.text)
                yield finished
                return
            answer = StreamedAnswer()
            while not answer.over:
                if text := await _next_text(octets, answer, watch):
                    yield Delta(text)
                    watch.heard()
                    network.pause = every
                if answer.finishing:
                    watch.linger()
            finished = answer.result()
            network.pause = 0.0
            await _drain(octets)
            yield finished
        finally:
            with suppress(*_FOREIGN):
                await response.aclose()
            response.stream = httpx.ByteStream(b"")  # its own holds the response: both would wait for the collector


class _Connecting:
    """Tells the watch when the connection of one request stands."""

    def __init__(self, watch: Watch, *, streaming: bool) -> None:
        self._watch = watch
        self._streaming = streaming

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self._watch.sending(streaming=self._streaming)


@cache
def authorities() -> ssl.SSLContext:
    """Whose word about a service's certificate is taken."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()  # a company's own authority is in the system's store
    return context


def _address(service: Service) -> httpx.URL:
    with suppress(httpx.InvalidURL):
        url = httpx.URL(service.base_url.rstrip("/") + service.path)
        if url.scheme in {"http", "https"} and url.host and (url.port or 0) < 1 << 16:
            return url
    raise SettingsError("ASKREPO_CHAT_URL", "it is not a web address")


async def _step(step: Awaitable[T], watch: Watch) -> T:
    """The one place where httpx is awaited. Its exceptions end here: their texts hold URLs and headers."""
    failure: ChatError
    try:
        return await watch.wait(step)
    except (httpcore.LocalProtocolError, httpx.InvalidURL) as error:
        failure = BadRequest(type(error).__name__)
    except _FOREIGN as error:
        failure = ServiceUnavailable(type(error).__name__)
    raise failure


def _octets(response: httpx.Response) -> AsyncIterator[bytes]:
    """A body as it comes. Unlike httpx's own readers this one leaves it to us when the connection is given back."""
    return aiter(cast("AsyncIterable[bytes]", response.stream))


async def _kind(response: httpx.Response, octets: AsyncIterator[bytes], watch: Watch) -> str:
    """The content type of an answer. Raises what the response stands for if it is none."""
    if response.status_code != httpx.codes.OK:
        watch.linger()
        raise refusal(response.status_code, response.headers, await _error_body(octets, watch), datetime.now(UTC))
    encoding: str = response.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        raise UnusableAnswer("a content encoding nobody asked for")
    content_type: str = response.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/event-stream"}:
        raise UnusableAnswer("neither JSON nor an event stream")
    return kind


async def _next_text(octets: AsyncIterator[bytes], answer: StreamedAnswer, watch: Watch) -> str:
    try:
        chunk = await _step(anext(octets, None), watch)
    except ChatError as error:
        return answer.fail(error)
    return answer.close() if chunk is None else answer.feed(chunk)


async def _whole_body(octets: AsyncIterator[bytes], watch: Watch) -> bytes:
    body = bytearray()
    while (chunk := await _step(anext(octets, None), watch)) is not None:
        body += chunk
        if len(body) > RAW_LIMIT:
            raise UnusableAnswer(f"a body longer than {RAW_LIMIT} octets")
    return bytes(body)


async def _error_body(octets: AsyncIterator[bytes], watch: Watch) -> bytes:
    """As much of it as came in time: the status alone is an answer too."""
    body = bytearray()
    with suppress(ChatError):
        while len(body) < BODY_LIMIT and (chunk := await _step(anext(octets, None), watch)) is not None:
            body += chunk
    return bytes(body[:BODY_LIMIT])


async def _drain(octets: AsyncIterator[bytes]) -> None:
    """Let the body end after [DONE], so that the pool can use the connection again."""
    with suppress(TimeoutError, *_FOREIGN):
        async with asyncio.timeout(_DRAIN_SECONDS):
            await anext(octets, None)
