"""A strict /chat over a real socket. It can do anything to a connection, and it forgives nothing.

In a test:

    async with FakeChat(says("It ", "lives ", "here.")) as fake:
        ...  # replies are taken in order, then `default` answers
    # leaving raises AssertionError if a request broke the contract, or its reply does not end

As a process: `python -m tests.fakes.chat --port 8080 --token tok --delay 0.05`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections import deque
from contextlib import suppress
from typing import Self

from tests.fakes.chat_replies import Exchange, Reply, echo, response, says
from tests.fakes.chat_request import Request, violations

_HEAD_LIMIT = 1 << 20


class FakeChat:
    """A server of the contract that records every request.

    `token`: the only one taken, others get 401. `anonymous`: requests without a token are taken. With a `path` ending
    in /chat/completions it is an OpenAI-compatible service. Replies may take `orphan_seconds` to end once they should.
    """

    def __init__(
        self,
        *replies: Reply,
        default: Reply = echo,
        path: str = "/chat",
        token: str | None = None,
        anonymous: bool = False,
        orphan_seconds: float = 20.0,
    ) -> None:
        self.path = path
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.connections = 0
        self._replies = deque(replies)
        self._default = default
        self._token = token
        self._anonymous = anonymous
        self._orphan_seconds = orphan_seconds
        self._arrivals: asyncio.Queue[Request] = asyncio.Queue()
        self._busy: set[asyncio.Task[None]] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    @property
    def live(self) -> int:
        """How many replies are being sent."""
        return len(self._busy)

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._handlers)

    def will(self, *replies: Reply) -> None:
        """Further replies, after those not yet taken."""
        self._replies.extend(replies)

    async def arrival(self) -> Request:
        """The next request that this was not called for yet, as soon as it is here."""
        return await self._arrivals.get()

    def hang_up(self) -> None:
        """Close every connection, as a service does with those that nobody used for a while."""
        for handler in self._handlers:
            handler.cancel()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `url` is then the base URL."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_HEAD_LIMIT)
        self.url = f"http://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and end every connection. Requests whose reply does not end in time are violations."""
        if self._server is not None:
            self._server.close()
        if self._busy:
            _, orphans = await asyncio.wait(self._busy, timeout=self._orphan_seconds)
            self.violations += ["a request was still running"] * len(orphans)
        self.hang_up()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self.stop()
        if error is None and self.violations:
            raise AssertionError(f"the /chat contract was broken: {self.violations}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        self.connections += 1
        try:
            begun = b""
            while not writer.is_closing() and (request := await _read(reader, begun)):
                self.requests.append(request)
                self._arrivals.put_nowait(request)
                begun = await self._answer(request, reader, writer)
        except asyncio.CancelledError:
            pass  # `stop` ends idle connections; asyncio's own server would log this as an error
        except OSError:
            pass
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Reply, unless the client leaves. Returns what it already sent of its next request."""
        replying = asyncio.create_task(_run(self._reply(request), Exchange(request, writer)))
        self._busy.add(replying)
        replying.add_done_callback(self._busy.discard)
        listening = asyncio.create_task(_read_one(reader))
        try:
            await asyncio.wait({replying, listening}, return_when=asyncio.FIRST_COMPLETED)
            begun = listening.result() if listening.done() else b""
            if begun:  # the client may have read the reply's end before the reply knows that it has ended
                await asyncio.wait({replying}, timeout=self._orphan_seconds)
            if not replying.done():
                request.disconnected.set()
                self.violations += ["octets before the reply had ended"] if begun else []
            elif error := replying.exception():
                self.violations.append(f"the reply itself failed: {error!r}")
        finally:
            for task in (replying, listening):
                task.cancel()
            await asyncio.gather(replying, listening, return_exceptions=True)
        return begun

    def _reply(self, request: Request) -> Reply:
        broken = list(violations(request, self.path, anonymous=self._anonymous))
        if broken:
            self.violations += broken
            return _refused(400, "invalid_request_error")
        if self._token is not None and request.token != self._token:
            return _refused(401, "invalid_api_key")
        return self._replies.popleft() if self._replies else self._default


async def _run(reply: Reply, exchange: Exchange) -> None:
    with suppress(OSError):  # the client went away
        await reply(exchange)


async def _read_one(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(1)
    except OSError:
        return b""


def _refused(status: int, code: str) -> Reply:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(response(json.dumps({"error": {"message": code, "code": code}}).encode(), status))

    return reply


async def _read(reader: asyncio.StreamReader, begun: bytes) -> Request | None:
    try:
        head = begun + await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        body = await reader.readexactly(int(dict(headers).get("content-length", "0")))
    except (asyncio.IncompleteReadError, OSError):
        return None
    return Request(head + body, method, target, headers, body)


async def _main(options: argparse.Namespace) -> int:
    async def slow(exchange: Exchange) -> None:
        request = exchange.request
        words = f"You asked about {request.repository}: {request.question}".split(" ")
        words += [f"word{number}" for number in range(options.words - len(words))]
        await says(*(f"{word} " for word in words), delay=options.delay)(exchange)

    fake = FakeChat(default=slow, path=options.path, token=options.token, anonymous=options.token is None)
    await fake.start(options.host, options.port)
    print(f"listening on {fake.url}", flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await fake.stop()
    for violation in fake.violations:
        print(f"violation: {violation}", file=sys.stderr)
    return 1 if fake.violations else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.chat", description="A strict fake of /chat.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; the address is printed")
    parser.add_argument("--path", default="/chat")
    parser.add_argument("--token", default=None, help="the only token taken; without it, none is needed")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each word")
    parser.add_argument("--words", type=int, default=0, help="make every answer at least this long")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_options())))
