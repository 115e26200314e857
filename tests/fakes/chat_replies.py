"""What the fake /chat can do to a client: whole replies as values, byte for byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.fakes.chat_request import Request

Ending = Literal["keep", "close", "reset", "stall"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the socket its reply goes to."""

    request: Request
    writer: asyncio.StreamWriter

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def finish(self, ending: Ending) -> None:
        """keep: the connection serves on; close: FIN; reset: RST; stall: silence until the client goes."""
        if ending == "stall":
            await asyncio.Event().wait()
        if ending == "reset":
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        if ending == "close":
            self.writer.close()


Reply = Callable[[Exchange], Awaitable[None]]


def head(status: int, *fields: str, content_type: str = "text/event-stream") -> bytes:
    """A status line and headers."""
    return "\r\n".join([f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", *fields, "", ""]).encode()


def response(body: bytes, status: int = 200, *fields: str, content_type: str = "application/json") -> bytes:
    """A whole response with its length."""
    return head(status, *fields, f"Content-Length: {len(body)}", content_type=content_type) + body


def chunked(body: bytes) -> bytes:
    """One piece of a body in chunked transfer coding; of nothing, the end of the body."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def event(data: dict[str, Any] | str) -> bytes:
    """One server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}\n\n".encode()


def piece(text: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chat.completion.chunk."""
    content = {"content": text} if text is not None else {}
    choice = {"index": 0, "delta": {**delta, **content}, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [choice]}


def whole(text: str | None, finish: str | None = "stop") -> dict[str, Any]:
    """A chat.completion with the singular detail keys of the contract."""
    message = {"role": "assistant", "content": text, "function_call": None, "tool_calls": None, "refusal": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "completion_token_details": {}}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {"id": "c-1", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": usage}


def stream(tokens: Iterable[str], finish: str | None = "stop", *, done: bool = True) -> Iterator[bytes]:
    """The events of an answer, one piece of the body each; made as they are sent, as most answers are broken off."""
    yield event(piece(role="assistant", text=""))
    for token in tokens:
        yield event(piece(token))
    if finish:
        yield event(piece(finish=finish))
    if done:
        yield event("[DONE]")


def says(*tokens: str, delay: float = 0, ending: Ending = "keep") -> Reply:
    """An ordinary answer, streamed if that was asked for. `delay` in seconds before each token."""

    async def reply(exchange: Exchange) -> None:
        if not exchange.request.streams:
            await asyncio.sleep(delay * len(tokens))
            await exchange.send(response(json.dumps(whole("".join(tokens))).encode()))
            return
        await exchange.send(head(200, "Transfer-Encoding: chunked"))
        for octets in stream(tokens):
            await exchange.send(chunked(octets))
            await asyncio.sleep(delay)
        await exchange.send(chunked(b""))
        await exchange.finish(ending)

    return reply


def streams(*pieces: bytes, ending: Ending = "keep", fields: tuple[str, ...] = ()) -> Reply:
    """A 200 event stream of exactly these pieces; its body ends properly only with "keep"."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked", *fields))
        for octets in pieces:
            await exchange.send(chunked(octets))
        if ending == "keep":
            await exchange.send(chunked(b""))
        await exchange.finish(ending)

    return reply


def sends(octets: bytes = b"", ending: Ending = "keep") -> Reply:
    """Exactly these octets."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(octets)
        await exchange.finish(ending)

    return reply


def refuses(status: int, *fields: str, **error: Any) -> Reply:
    """An error of the contract: `message`, `type`, `param`, `code`."""
    body = {"error": {"message": "", "type": None, "param": None, "code": None, **error}}
    return sends(response(json.dumps(body).encode(), status, *fields))


def knows(model: str) -> Reply:
    """An answer to whoever asks for this model; others are told that there is no such one."""

    async def reply(exchange: Exchange) -> None:
        known = exchange.request.json["model"] == model
        await (says("pong") if known else refuses(404, param="model", code="model_not_found"))(exchange)

    return reply


def floods(octets: bytes, *, first: bytes = b"", pause: float | None = 0) -> Reply:
    """After `first`, the same piece of an event stream for ever, `pause` seconds apart, as fast as it goes if None."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Connection: close") + first)
        while True:
            await exchange.send(octets)
            if pause is not None:
                await asyncio.sleep(pause)

    return reply


def in_two(text: str, gate: asyncio.Event, *, at: int = 3) -> Reply:
    """The first `at` lines of an answer, and once the gate is open the others."""
    parts = text.splitlines(keepends=True)

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked"))
        first, *rest = stream(["".join(parts[:at]), "".join(parts[at:])])
        for octets in (first, rest[0]):
            await exchange.send(chunked(octets))
        await gate.wait()
        for octets in rest[1:]:
            await exchange.send(chunked(octets))
        await exchange.send(chunked(b""))

    return reply


async def echo(exchange: Exchange) -> None:
    """The default: says what was asked about which repository, word by word."""
    words = f"You asked about {exchange.request.repository}: {exchange.request.question}".split(" ")
    await says(*(word if place == 0 else f" {word}" for place, word in enumerate(words)))(exchange)
