"""A client of the contract that believes nothing: plain httpx, and its own reading of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx


def conversation(*turns: str) -> list[dict[str, str]]:
    """Turns of user and assistant in alternation, a question last."""
    return [{"role": ("user", "assistant")[number % 2], "content": turn} for number, turn in enumerate(turns)]


@dataclass
class Asker:
    """Asks one server about one repository."""

    client: httpx.AsyncClient
    url: str
    name: str
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, *turns: str, stream: bool = False) -> httpx.Response:
        """The response as it is."""
        body = {"messages": conversation(*turns), "model": "gpt-4o", "stream": stream}
        return await self.client.post(
            f"{self.url}/chat", params={"repo_name": self.name}, json=body, headers=self.headers, timeout=30
        )

    async def answer(self, *turns: str) -> str:
        """The text of a whole answer."""
        response = await self.post(*turns)
        assert response.status_code == 200, response.text
        return str(response.json()["choices"][0]["message"]["content"])

    async def streamed(self, *turns: str) -> list[Any]:
        """The events of a stream: objects, and "[DONE]"."""
        response = await self.post(*turns, stream=True)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        return events(response.text)


def events(text: str) -> list[Any]:
    """The data of server-sent events; comments are left out."""
    found: list[Any] = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        assert all(line.startswith("data: ") for line in lines), block
        data = "".join(line.removeprefix("data: ") for line in lines)
        if data:
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


def content(chunks: Sequence[Any]) -> str:
    """The text of a stream's chunks."""
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk != "[DONE]")


@dataclass(frozen=True)
class Cited:
    """A citation with the lines quoted below it, None where nothing is quoted."""

    path: str
    first: int
    last: int
    quoted: list[str] | None


_CITATION = re.compile(r"(`+) ?((?:(?!\1).)+?):(\d+)(?:-(\d+))? ?\1")
_FENCE = re.compile(r"(`{3,})(\w*)$")


def cited(answer: str) -> list[Cited]:
    """Every citation of an answer; a fenced block belongs to the last citation above it."""
    found: list[Cited] = []
    lines = iter(answer.split("\n"))
    for line in lines:
        fence = _FENCE.fullmatch(line)
        if fence is None:
            for match in _CITATION.finditer(line):
                first = int(match[3])
                found.append(Cited(match[2], first, int(match[4] or first), None))
            continue
        quoted = []
        while (inside := next(lines)) != fence[1]:
            quoted.append(inside)
        last = found.pop()
        assert last.quoted is None, answer
        found.append(Cited(last.path, last.first, last.last, quoted))
    return found


def check(answer: str, top: Path, encoding: str = "utf-8") -> list[Cited]:
    """Every citation of an answer exists on disk and quotes exactly what stands there; returns them."""
    found = cited(answer)
    for one in found:
        lines = (top / one.path).read_text(encoding=encoding).split("\n")
        assert 1 <= one.first <= one.last <= len(lines), one
        if one.quoted is not None:
            assert one.quoted == lines[one.first - 1 : one.last], one
            assert len(one.quoted) <= 18
    return found
