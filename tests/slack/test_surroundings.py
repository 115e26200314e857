"""What is fetched for a question: files of Slack's own hosts alone, which get our token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bots.attached import File
from bots.slack.calls import Calls
from bots.slack.people import People
from bots.slack.reference import Reference
from bots.slack.surroundings import Around
from bots.slack.web_client import Slack
from core.relay.limits import Uncounted
from core.secret import Secret
from tests.relay.places import question
from tests.serving import served


@dataclass
class Files:
    """A host of files that writes down what it was asked for, and with which token."""

    elsewhere: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def application(self) -> Starlette:
        async def file(request: Request) -> Response:
            self.asked.append((request.url.path, request.headers.get("authorization", "")))
            if request.url.path == "/moved":
                return RedirectResponse(f"{self.elsewhere}/secret")
            return PlainTextResponse("the text")

        return Starlette(routes=[Route("/{path:path}", file)])


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    made = Slack("https://slack.com/api")
    yield made
    await made.close()


def around(host: str) -> Around:
    """As where Slack's API is at this host."""
    calls = Calls(Uncounted())
    return Around(calls, People(calls), f"{host}/api/")


async def read(slack: Slack, host: str, url: str) -> str:
    """What is read of a file at this address."""
    reference = Reference(files=(File("F1", "a.txt", "text/plain", 8, url),))
    context, _ = await around(host).context(slack.client(Secret("xoxb-1")), question(), reference, first=False)
    return context


async def test_a_file_of_slacks_is_read_with_our_token(slack: Slack) -> None:
    files = Files()
    async with served(files.application()) as host:
        assert "the text" in await read(slack, host, f"{host}/a.txt")
    assert files.asked == [("/a.txt", "Bearer xoxb-1")]


async def test_a_file_that_leads_elsewhere_is_not_followed(slack: Slack) -> None:
    files, others = Files(), Files()
    async with served(others.application()) as files.elsewhere, served(files.application()) as host:
        assert "the text" not in await read(slack, host, f"{host}/moved")
        assert "the text" not in await read(slack, host, f"{files.elsewhere}/a.txt")
    assert (len(files.asked), others.asked) == (1, [])


@pytest.mark.parametrize("url", ["https://files.slack.com/x", "https://acme.slack.com:443/x", "https://slack.com/x"])
def test_slacks_own_hosts(url: str) -> None:
    assert around("https://slack.com").is_slack(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.slack.com/x",
        "https://files.slack.com:8443/x",
        "https://evil-slack.com/x",
        "https://files.slack.com.evil.example/x",
        "https://files.slack.com@evil.example/x",
        "https://me@evil.example/.slack.com",
        "https://evil.example/?.slack.com",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "",
    ],
)
def test_other_hosts(url: str) -> None:
    assert not around("https://slack.com").is_slack(url)
