"""Asks a fake /chat and collects everything that came of it, holding the promises every question has."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from core.chat.client import ChatClient, Service
from core.chat.contract import Message
from core.chat.deadlines import Deadlines
from core.chat.progress import Delta, Finished, Progress
from core.errors import ChatError
from core.secret import Secret, bearer

REPOSITORY = "github.com/canary-owner/canary-name"
TOKEN = "canary-token-4711"
QUESTION = (Message(role="user", content="Where is the canary-question answered?"),)
PATIENT = Deadlines(connect=20, first_token=20, silence=20, total=100)


@dataclass
class Asked:
    """What one question came to."""

    progress: list[Progress] = field(default_factory=list)
    error: ChatError | None = None

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.progress if isinstance(step, Delta))

    @property
    def finished(self) -> Finished:
        assert self.error is None, self.error
        last = self.progress[-1]
        assert isinstance(last, Finished)
        return last


@dataclass
class Asker:
    """A client whose waits between retries take no time and are written down."""

    client: ChatClient
    url: str
    pauses: list[float] = field(default_factory=list)

    async def ask(
        self,
        messages: Sequence[Message] = QUESTION,
        *,
        repository: str = REPOSITORY,
        token: Secret | None = None,
        anonymous: bool = False,
    ) -> Asked:
        sent = None if anonymous else token or bearer(TOKEN)
        asked = Asked()
        try:
            async with aclosing(self.client.ask(repository, messages, sent)) as progress:
                async for step in progress:
                    asked.progress.append(step)
        except ChatError as error:
            asked.error = error
        self._check(asked)
        return asked

    def _check(self, asked: Asked) -> None:
        ends = [step for step in asked.progress if isinstance(step, Finished)]
        assert all(step.text for step in asked.progress if isinstance(step, Delta))
        if asked.error is None:
            assert ends == asked.progress[-1:]
            assert asked.text == asked.finished.text
            return
        assert not ends
        assert asked.error.partial == asked.text
        check_harmless(asked.error, TOKEN, "canary", self.url.removeprefix("http://"))


def check_harmless(error: BaseException, *secrets: str) -> None:
    """No text of the error, of its chain or of its traceback holds one of these; nothing foreign hangs on it."""
    shown = [str(error), repr(error), repr(error.__dict__ | {"partial": ""}), *traceback.format_exception(error)]
    for secret in secrets:
        assert not [text for text in shown if secret in text]
    assert error.__context__ is None
    assert error.__cause__ is None


@asynccontextmanager
async def asking(url: str, *, deadlines: Deadlines = PATIENT, **service: Any) -> AsyncIterator[Asker]:
    """An asker of the service at `url`."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    client = ChatClient(Service(url, deadlines=deadlines, **service), pause=pause)
    try:
        yield Asker(client, url, pauses)
    finally:
        await client.aclose()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that does not even speak HTTP. Leaves when its connections have ended."""
    ended: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.add(task)
        with suppress(OSError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*ended)


def question(client: ChatClient, *, every: float = 0.0) -> AsyncGenerator[Progress, None]:
    return client.ask(REPOSITORY, QUESTION, bearer(TOKEN), every=every)


async def ask(url: str, messages: Sequence[Message] = QUESTION, **options: Any) -> Asked:
    """One question to the service at `url`, by a client of its own."""
    async with asking(url, **options) as asker:
        return await asker.ask(messages)
