"""Trying a repository and a token out, by the cheapest question there is; or the service alone, by asking nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from urllib.parse import urlsplit

from core.chat.client import ChatClient, authorities
from core.chat.contract import Message
from core.chat.progress import Delta, Finished, Reason, Waiting
from core.errors import ChatError, ChatTimeout, Deadline, RateLimited, RepositoryIndexing, ServiceUnavailable
from core.secret import Secret

_CONNECT_SECONDS = 15.0
_WAITS: dict[Reason, type[ChatError]] = {
    Reason.RATE_LIMITED: RateLimited,
    Reason.INDEXING: RepositoryIndexing,
    Reason.UNAVAILABLE: ServiceUnavailable,
}


async def check(
    client: ChatClient, repository: str, token: Secret | None, *, model: str | None = None, seconds: float | None = None
) -> ChatError | None:
    """What the service has against answering about `repository` with this token; None: nothing.

    A question is sent, sent again like any other, and broken off at the first word of an answer; or after so many
    seconds, by default those in which a first word has to come.
    """
    seconds = client.first_token_seconds if seconds is None else seconds
    ping = [Message(role="user", content="ping")]
    try:
        async with asyncio.timeout(seconds), aclosing(client.ask(repository, ping, token, model=model)) as answer:
            async for progress in answer:
                match progress:
                    case Delta() | Finished():
                        return None
                    case Waiting(_, reason):
                        return _WAITS[reason]()
    except ChatError as error:
        return error
    except TimeoutError:
        return ChatTimeout(Deadline.FIRST_TOKEN, seconds)
    return None


async def reached(url: str, *, seconds: float = _CONNECT_SECONDS) -> ChatError | None:
    """What keeps a connection to the service at `url` from standing, TLS included; None: nothing.

    Nothing is asked over it, and it is closed at once.
    """
    address = urlsplit(url)
    tls = authorities() if address.scheme == "https" else None
    try:
        async with asyncio.timeout(seconds):
            port = address.port or (80 if tls is None else 443)
            _, writer = await asyncio.open_connection(address.hostname, port, ssl=tls)
    except TimeoutError:
        return ChatTimeout(Deadline.CONNECT, seconds)
    except (OSError, UnicodeError) as error:
        return ServiceUnavailable(type(error).__name__)
    writer.transport.abort()
    return None
