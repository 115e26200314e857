"""No secret, in any form, leaves a process that serves Slack, but where it belongs; every logger at DEBUG (SE-01).

Real processes, from the installation by OAuth to the answers, between a Slack and a /chat that say aloud what they were
told in confidence; one of them is killed, so that its write-ahead log is there to be searched.
"""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from core.channels import replies
from core.cipher import new_key
from tests.canaries import found
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, event, piece, refuses, says, sends, streams
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_faults import Fault
from tests.fakes.slack_values import Channel, Message, Team, User
from tests.slack.browser import Browser, button
from tests.spied import Spied, spied

PUBLIC = "https://bot.example.org"
PROCESS, STORED, TYPED = "canary-process/+7d1f9a3c5e", "canary-stored/+0b2d4f6a8c", "canary-typed/+1c3e5a7092"
BROKEN, APP_TOKEN = "canary-broken-6f8b0d2c4e", "xapp-1-canary-9d7b5a3f1e2c"
QUESTION, ANSWER = "canary-question-8a6b4c2d0e", "canary-answer-3f5d7b9a1c"
EARLIER = "canary-earlier-2b4d6f8a0c"  # what somebody said in the thread before
SECONDS = 60.0  # a busy machine takes its time


@dataclass
class Place:
    """A team with a channel, and what happened there that is nobody else's business."""

    slack: FakeSlack
    chat: FakeChat
    team: Team
    alice: User
    bob: User
    general: Channel
    tickets: list[str] = field(default_factory=list)

    async def installed(self, process: Spied, browser: Browser) -> None:
        """Alice adds the app to her workspace."""
        await process.wrote('"event": "running"')
        reply = await browser.opens(f"{PUBLIC}/slack/install")
        await browser.opens(self.slack.install_url_answer(button(reply), self.alice, denied=True))
        reply = await browser.opens(f"{PUBLIC}/slack/install")
        reply = await browser.opens(self.slack.install_url_answer(button(reply), self.alice))
        assert reply.status_code == 200, reply.text
        self.general.members.append(self.slack.installations[0].bot)

    async def told(self, user: User, words: str) -> Message:
        """The private message with these words, once it is there."""

        def there() -> list[Message]:
            return [each for each in self.slack.ephemerals(self.general, user) if words in each.shown]

        await self.slack.until(there, SECONDS)
        return there()[-1]

    async def enters(self, browser: Browser) -> None:
        """Alice enters a token by the page: after one that is none, and one that the service refuses."""
        await self.slack.command(self.alice, self.general, "token set")
        (link,) = (await self.told(self.alice, "token")).buttons
        self.tickets.append(link["url"].rpartition("/")[2])
        self.chat.will(refuses(401, message=f"invalid key {TYPED}", code="invalid_api_key"))
        for token, status in ((f"{BROKEN} {BROKEN}", 422), (TYPED, 422), (STORED, 200)):
            reply = await browser.opens(link["url"], "POST", {"token": token, "label": "ours"})
            assert reply.status_code == status, reply.text
            assert found(reply.content, [BROKEN, TYPED, STORED]) == []
        await self.slack.command(self.alice, self.general, f"token set {TYPED}")
        pasted = await self.told(self.alice, replies.token_pasted()[:30])
        self.tickets += [each["url"].rpartition("/")[2] for each in pasted.buttons]

    async def asks(self, text: str, thread: str | None = None) -> None:
        """Bob asks, and waits for whatever comes of it."""
        called = f"{self.slack.installations[0].bot} {text}"
        question = await self.slack.says(self.bob, self.general, called, thread=thread)

        def over() -> bool:
            posts = [post for post in self.slack.thread(self.general, thread or question.ts)[1:] if post.bot_id]
            ended = any(each["action_id"] == "retry" for post in posts for each in post.buttons)
            return ended or len(self.slack.ephemerals(self.general, self.bob)) > before

        before = len(self.slack.ephemerals(self.general, self.bob))
        await self.slack.until(over, SECONDS)

    def hostile(self) -> list[Fault]:
        """Slack and /chat repeat in their errors what they were told, as careless services do."""

        async def repeats(exchange: Exchange) -> None:
            await refuses(500, message=f"bad header Bearer {exchange.request.token}")(exchange)

        location = f"HTTP/1.1 302 Found\r\nLocation: /?token={quote(PROCESS)}\r\nContent-Length: 0\r\n\r\n"
        broken = b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"broken\r\n'
        unknown, asked = refuses(404, message=f"{STORED} unknown", param="repo_name"), asyncio.Event()

        async def broken_off(exchange: Exchange) -> None:
            asked.set()  # beside the stream that fails to start
            await unknown(exchange)

        self.chat.will(broken_off, unknown, *[repeats] * 3)
        self.chat.will(sends(location.encode()), sends(broken, "reset"))
        slowly = says("It is this: ", ANSWER, ", and that is all.", delay=1.5)  # so that the stream is added to
        self.chat.will(slowly)
        said: dict[str, Any] = {"detail": f"Bearer {self.slack.installations[0].token} may not {STORED}"}
        return [
            self.slack.fail("chat.startStream", error="internal_error", hold=asked, **said),
            self.slack.fail("chat.startStream", after=1, drop="after"),
            self.slack.fail("chat.stopStream", status=502, html=True),
            self.slack.fail("chat.appendStream", error="fatal_error", **said),
            self.slack.fail("chat.update", error="internal_error", **said),
        ]


@pytest.fixture
def transport() -> str:
    return "http"


@pytest.mark.timeout(600)
async def test_no_secret_is_left_anywhere(slack: FakeSlack, unused_tcp_port: int, tmp_path: Path) -> None:
    team = slack.team("acme")
    alice, bob = slack.user(team, "alice", admin=True), slack.user(team, "bob")
    slack.app.redirect_uris.add(f"{PUBLIC}/slack/oauth_redirect")
    slack.app.rotation = True
    slack.pushing.deadline = SECONDS
    slack.url = f"http://127.0.0.1:{unused_tcp_port}/slack/events"
    key = new_key().text()
    async with FakeChat() as chat:
        place = Place(slack, chat, team, alice, bob, slack.channel(team, "general", alice, bob))
        given = {
            "ASKREPO_SECRET_KEYS": key,
            "ASKREPO_CHAT_URL": chat.url,
            "ASKREPO_CHAT_TOKEN": PROCESS,
            "ASKREPO_SLACK_API_URL": slack.api_url,
            "ASKREPO_PUBLIC_URL": PUBLIC,
            "SLACK_CLIENT_ID": slack.app.client_id,
            "SLACK_CLIENT_SECRET": slack.app.client_secret,
            "SLACK_SIGNING_SECRET": slack.app.signing_secret,
            "PORT": str(unused_tcp_port),
        }
        serving = ("run", "web", "worker")
        async with (
            spied(tmp_path / "serving", given, *serving) as killed,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", trust_env=False, timeout=SECONDS) as http,
        ):
            await talk(place, killed, Browser(http, PUBLIC))
            chat.will(streams(event(piece(f"{ANSWER} so far")), ending="stall"))
            await slack.says(bob, place.general, f"{slack.installations[0].bot} {QUESTION}, and then?")
            await slack.until(lambda: any(ANSWER in post.shown for post in slack.posts(place.general)), SECONDS)
            assert await killed.stop(signal.SIGKILL) == -signal.SIGKILL
            left = killed.left()
        assert any(name.endswith(".db-wal") and octets for name, octets in left.items())
        socket = {"SLACK_APP_TOKEN": APP_TOKEN, "SLACK_BOT_TOKEN": slack.installations[0].token, "PORT": "0"}
        async with (
            spied(tmp_path / "serving", given, *serving) as again,
            spied(tmp_path / "refused", {**given, **socket}, "run", "slack", "worker") as refused,
        ):
            assert await refused.ends() == 1
            await again.wrote('"event": "turn ended"')
            assert await again.stop() == 0
            left = (
                {f"{name}, when it was killed": octets for name, octets in left.items()} | again.left() | refused.left()
            )
        check(place, left, key)


async def talk(place: Place, process: Spied, browser: Browser) -> None:
    """Whatever people do here, while calls fail."""
    slack, chat = place.slack, place.chat
    await place.installed(process, browser)
    await slack.command(place.alice, place.general, "map calcom/cal.com")
    await place.told(place.alice, "calcom/cal.com")
    await place.asks("with the process's token?")
    await place.enters(browser)
    faults = place.hostile()
    for number in range(5):
        await place.asks(f"question {number}?")
    chat.will(says(ANSWER))
    began = await slack.says(place.alice, place.general, EARLIER)
    await place.asks(QUESTION, began.ts)
    assert EARLIER in chat.requests[-1].question
    chat.will(refuses(401, message=f"invalid key {STORED}", code="invalid_api_key"))
    await place.asks("refused?")
    assert {request.token for request in chat.requests} == {PROCESS, TYPED, STORED}
    assert [fault.method for fault in faults if not fault.struck] == []


def check(place: Place, left: dict[str, bytes], key: str) -> None:
    """None of it stands where it does not belong."""
    slack = place.slack
    (installation,) = slack.installations
    secrets = {
        "the process's token": PROCESS,
        "the stored one": STORED,
        "one the service refused": TYPED,
        "one that is none": BROKEN,
        "the key": key,
        "the client secret": slack.app.client_secret,
        "the signing secret": slack.app.signing_secret,
        "an app-level token": APP_TOKEN,
        **{f"bot token {number}": token.value for number, token in enumerate(installation.tokens)},
        **{f"refresh token {number}": token for number, token in enumerate(installation.refresh_tokens)},
    }
    passing = {
        **{f"code {number}": code for number, code in enumerate(slack.grants)},
        **{f"page {number}": ticket for number, ticket in enumerate(place.tickets)},
        **{f"trigger {number}": trigger for number, trigger in enumerate(slack.triggers)},
        **{f"response_url {number}": secret for number, secret in enumerate(slack.responses._urls)},
    }
    texts = {"a question": QUESTION, "an answer": ANSWER, "what was said before": EARLIER}
    assert len({name.rstrip(" 0123456789") for name in {**secrets, **passing, **texts}}) >= 17
    sent = {
        f"call {number} {call.method}": json.dumps(call.arguments).encode()
        for number, call in enumerate(slack.calls)
        if call.method != "oauth.v2.access"
    } | {f"request {number}": request.body for number, request in enumerate(place.chat.requests)}
    assert {where: hits for where, octets in sent.items() if (hits := found(octets, secrets))} == {}
    everything = secrets | passing | texts
    assert {where: hits for where, octets in left.items() if (hits := found(octets, everything))} == {}
