"""The routes of the embedded /chat."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core import logs
from core.chat.contract import ChatRequest, Message
from core.errors import AskrepoError
from core.localchat import refusals, replies, requests
from core.localchat.refusals import Refusal, Refused
from core.localchat.replies import Reply
from core.secret import Secret

MOST_OCTETS = 1 << 20  # of a request's body

_BODY_SECONDS = 30.0
_PATIENCE_SECONDS = 2.0  # a stream begins after this: until then, a failure still has a status of its own
_PING_SECONDS = 3.0

log = logs.get(__name__)

Answer = Callable[[str, Sequence[Message]], Coroutine[None, None, str]]


class Desk:
    """Takes requests of the contract and answers them by one function, which raises an AskrepoError to refuse."""

    def __init__(
        self,
        answer: Answer,
        *,
        token: Secret | None,
        patience: float = _PATIENCE_SECONDS,
        ping: float = _PING_SECONDS,
    ) -> None:
        self._answer = answer
        self._token = token
        self._patience = patience
        self._ping = ping
        self._closing = False
        self._working: set[asyncio.Task[str]] = set()

    def application(self) -> Starlette:
        """The ASGI application."""
        application = Starlette(
            routes=[Route("/chat", self._chat, methods=["POST"]), Route("/healthz", _healthy, methods=["GET"])],
            exception_handlers={HTTPException: _no_such_route},
        )
        application.router.redirect_slashes = False
        return application

    def close(self) -> None:
        """Takes no more requests and cancels every running answer; those who wait for one are told."""
        self._closing = True
        for work in self._working:
            work.cancel()

    async def _chat(self, request: Request) -> Response:
        try:
            requests.admit(request.headers.getlist("authorization"), request.headers, self._token)
            name = requests.repository(request.query_params.getlist("repo_name"))
            chat = requests.chat(await _body(request))
            return await self._answered(request, name, chat)
        except AskrepoError as error:
            return _refused(_told(error))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.NO_CONTENT)  # to nobody
        except Exception:
            log.exception("answer failed")
            return _refused(refusals.INTERNAL)

    async def _answered(self, request: Request, name: str, chat: ChatRequest) -> Response:
        if self._closing:
            raise Refused(refusals.STOPPING)
        reply = Reply(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()))
        work = asyncio.create_task(self._answer(name, chat.messages))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        try:
            await _settled(work, request, self._patience if chat.stream else None)
        except BaseException:
            await _ended(work)
            raise
        if chat.stream and not work.done():
            return _Stream(self._events(reply, work), work)
        text = _text(work)
        return _Stream(self._events(reply, work), work) if chat.stream else JSONResponse(reply.whole(text))

    async def _events(self, reply: Reply, work: asyncio.Task[str]) -> AsyncIterator[bytes]:
        try:
            yield reply.opening()
            while not work.done():
                await asyncio.wait({work}, timeout=self._ping)
                if not work.done():
                    yield replies.PING
            for event in reply.events(_text(work)):
                yield event
        except AskrepoError as error:
            yield replies.event(_told(error).body())
        except Exception:
            log.exception("answer failed")
            yield replies.event(refusals.INTERNAL.body())


class _Stream(StreamingResponse):
    """Ends the work with the response, even if the client has gone before the first event."""

    def __init__(self, events: AsyncIterator[bytes], work: asyncio.Task[str]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _ended(self._work)


def _text(work: asyncio.Task[str]) -> str:
    """What the work came to. Raises what it raised, and Refused where it was cancelled: only `close` does that."""
    if work.cancelled():
        raise Refused(refusals.STOPPING)
    return work.result()


async def _body(request: Request) -> bytes:
    """The body. Raises Refused when it is too large or too slow, ClientDisconnect."""
    body = bytearray()
    try:
        if int(request.headers.get("content-length", 0)) > MOST_OCTETS:
            raise Refused(refusals.TOO_LARGE)
        async with asyncio.timeout(_BODY_SECONDS):
            async for octets in request.stream():
                body += octets
                if len(body) > MOST_OCTETS:
                    raise Refused(refusals.TOO_LARGE)
    except TimeoutError:
        raise Refused(refusals.SLOW) from None
    return bytes(body)


async def _settled(work: asyncio.Task[str], request: Request, seconds: float | None) -> None:
    """Returns when the work is done or the time is over. Raises ClientDisconnect when nobody waits any more."""
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({work, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not work.done():
            raise ClientDisconnect
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


async def _ended(work: asyncio.Task[str]) -> None:
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def _told(error: AskrepoError) -> Refusal:
    """The refusal for an error. Where it is nothing the asker could mend, the log has it too."""
    refusal = refusals.of(error)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Refused):
        log.warning("not answered", code=refusal.code, reason=str(error))
    return refusal


def _refused(refusal: Refusal) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(refusal.body(), refusal.status, headers)


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _no_such_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    allowed = (error.headers or {}).get("Allow")
    what = f"{request.method} {request.url.path}"
    message = f"{what} is not served here." if allowed is None else f"{what} is not served here; {allowed} is."
    body = Refusal(status, message, status.name.lower()).body()
    return JSONResponse(body, status, dict(error.headers or {}))
