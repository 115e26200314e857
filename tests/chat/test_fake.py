"""The fake /chat forgives nothing: what breaks the contract fails the test that did it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import TokenRefused
from tests.chat.asking import REPOSITORY, TOKEN, ask
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import sends
from tests.fakes.chat_request import Request, violations

QUESTION = {"role": "user", "content": "q"}
BODY = {"messages": [QUESTION], "model": "m", "stream": True}
HEADERS = {"authorization": "Bearer t", "content-type": "application/json", "accept-encoding": "identity"}
TARGET = "/chat?repo_name=github.com/o/n"


def request(
    target: str = TARGET,
    *,
    method: str = "POST",
    raw: bytes | None = None,
    headers: dict[str, str | None] | None = None,
    **body: Any,
) -> Request:
    sent = {**HEADERS, **(headers or {})}
    octets = json.dumps({**BODY, **body}).encode() if raw is None else raw
    return Request(octets, method, target, [(name, value) for name, value in sent.items() if value is not None], octets)


def broken(sent: Request, path: str = "/chat") -> list[str]:
    return list(violations(sent, path, anonymous=False))


def test_the_contract_itself_is_taken() -> None:
    assert broken(request()) == []
    assert broken(request(temperature=0)) == []
    assert broken(request("/chat?repo_name=git.example.com%3A8443%2Fgroup%2Fsub%2Fname.x")) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: request(method="GET"),
        lambda: request("/chat/?repo_name=github.com/o/n"),
        lambda: request("/other?repo_name=github.com/o/n"),
        lambda: request("/chat"),
        lambda: request("/chat?repo_name="),
        lambda: request("/chat?repo_name=github.com/o/n&repo_name=github.com/o/n"),
        lambda: request("/chat?repo_name=github.com/o/n&token=t"),
        lambda: request("/chat?repo_name=o/n"),
        lambda: request("/chat?repo_name=https://github.com/o/n"),
        lambda: request("/chat?repo_name=github.com/o/n.git"),
        lambda: request("/chat?repo_name=github.com/o/n%0d%0aX"),
        lambda: request(headers={"authorization": None}),
        lambda: request(headers={"authorization": "t"}),
        lambda: request(headers={"authorization": "Bearer  t"}),
        lambda: request(headers={"content-type": "text/plain"}),
        lambda: request(headers={"accept-encoding": "gzip"}),
        lambda: request(headers={"cookie": "a=b"}),
        lambda: request(raw=b""),
        lambda: request(raw=b"[]"),
        lambda: request(raw=b'{"model": "m", "model": "m"}'),
        lambda: request(stream=None),
        lambda: request(stream="true"),
        lambda: request(model=""),
        lambda: request(temperature=2.1),
        lambda: request(temperature=True),
        lambda: request(temperature=None),
        lambda: request(top_p=1),
        lambda: request(messages=[]),
        lambda: request(messages=["q"]),
        lambda: request(messages=[{"role": "user", "content": ""}]),
        lambda: request(messages=[{"role": "tool", "content": "q"}]),
        lambda: request(messages=[{"role": "user", "content": "q", "name": "n"}]),
        lambda: request(messages=[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]),
    ],
)
def test_everything_else_is_not(make: Callable[[], Request]) -> None:
    assert broken(make())


def test_the_openai_dialect_has_its_own_rules() -> None:
    path = "/v1/chat/completions"
    system = {"role": "system", "content": "about github.com/o/n"}
    good = request(path, messages=[system, QUESTION])
    assert broken(good, path) == []
    assert broken(request(path), path)
    assert broken(request(f"{path}?repo_name=github.com/o/n", messages=[system, QUESTION]), path)


async def test_a_violation_fails_the_test_that_made_it() -> None:
    fake = FakeChat()
    await fake.start()
    assert b" 400 " in await exchange(fake, b"POST /chat HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    with pytest.raises(AssertionError, match="repo_name"):
        await fake.__aexit__(None, None, None)


async def test_a_request_left_running_fails_the_test_too() -> None:
    fake = FakeChat(sends(b"", "stall"), orphan_seconds=0.1)
    await fake.start()
    body = json.dumps(BODY)
    lines = [f"POST {TARGET} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS.items())]
    octets = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()
    asked = asyncio.create_task(exchange(fake, octets))
    await fake.arrival()
    with pytest.raises(AssertionError, match="still running"):
        await fake.__aexit__(None, None, None)
    assert await asked == b""


async def exchange(fake: FakeChat, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fake.url.rpartition(":")[2]))
    writer.write(octets)
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_it_is_a_process_of_its_own() -> None:
    options = ["--token", TOKEN, "--words", "30", "--delay", "0.001"]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.chat", *options, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    url = (await child.stdout.readline()).decode().removeprefix("listening on ").strip()
    asked = await ask(url)
    assert asked.text.startswith(f"You asked about {REPOSITORY}")
    assert len(asked.text.split()) == 30

    child.send_signal(signal.SIGTERM)
    assert await child.wait() == 0
    await child.communicate()


async def test_it_can_refuse_tokens() -> None:
    async with FakeChat(token="another") as fake:
        assert isinstance((await ask(fake.url)).error, TokenRefused)
