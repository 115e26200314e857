"""Slack does not work, or is out of reach: what had no effect there costs a question none of its attempts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from bots.slack.calls import Calls
from bots.slack.installed import Installed
from bots.slack.installs import Installs
from bots.slack.people import People
from bots.slack.privately import Privately, Somebody
from bots.slack.surroundings import Around
from bots.slack.web_client import Credentials, Slack
from core.bootstrap import App
from core.database import Database
from core.errors import DeliveryUncertain, PlatformAway
from core.installations import Installations
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack
from tests.serving import served
from tests.slack.house import World
from tests.slack.outcomes import Seen, outcome
from tests.turns import ended

SAID = lines(3)


@pytest.fixture
def transport() -> str:
    """What answers meet does not depend on how questions arrive."""
    return "http"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite: what differs between the databases is tested beside limits."""
    return sqlite_url


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncWebClient]:
    slack = Slack(world.slack.api_url)
    yield slack.client(Secret(world.askrepo.token))
    await slack.close()


async def test_a_question_is_answered_though_slack_tells_nothing_at_first(
    world: World, app: App, chat: FakeChat
) -> None:
    """More often than a question may fail by itself."""
    chat.will(says(SAID))
    for method in ("users.info", "conversations.info"):
        world.slack.fail(method, status=503, times=-1)
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    await world.slack.until(lambda: len(world.slack.called("users.info")) == 4)
    world.slack.faults.clear()
    assert await ended(app, seconds=60) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


_UNCLEAR: list[dict[str, Any]] = [
    {"status": 500},
    {"html": True, "status": 502},
    {"html": True},
    {"drop": "before"},
    {"drop": "after"},
    *(
        {"body": body, "media": media}  # with status 200, from whoever stands between Slack and us
        for body, media in (
            (b"", "application/json"),
            (b"null", "application/json"),
            (b"5", "application/json"),
            (b'"busy"', "application/json"),
            (b'["busy"]', "application/json"),
            (b'{"ok": tr', "application/json"),
            (b'{"ok": "\xff"}', "application/json"),
            (b"[" * 100_000, "application/json"),
            (b'{"ok": true}', "application/json; charset=base64"),
            (b"upstream busy", "text/plain"),
            (b"\xff", "text/plain"),
            (b"\x1f\x8b", "application/gzip"),
        )
    ),
    *({"error": code} for code in ("fatal_error", "internal_error", "request_timeout", "service_unavailable")),
]


@pytest.mark.parametrize("fault", _UNCLEAR)
async def test_what_only_reads_is_never_in_doubt(
    world: World, client: AsyncWebClient, database: Database, workspaces: Workspaces, fault: dict[str, Any]
) -> None:
    calls, channel = Calls(Allowances(database, workspaces)), world.general.id
    for method in ("conversations.info", "chat.postMessage"):
        world.slack.fail(method, times=-1, **fault)  # aiohttp itself reads again over a new connection
    with pytest.raises(PlatformAway):
        await calls.call(client, world.place.workspace, "conversations.info", caller="us", channel=channel)
    with pytest.raises(DeliveryUncertain):
        await calls.call(client, world.place.workspace, "chat.postMessage", caller="us", channel=channel, text="a")


async def test_a_workspace_that_moves_into_an_organisation_is_waited_for(
    world: World, client: AsyncWebClient, database: Database, workspaces: Workspaces
) -> None:
    """It is no matter of our token: the next call is made at once."""
    calls, given = Calls(Allowances(database, workspaces)), {"channel": world.general.id, "text": "a"}
    world.slack.fail("chat.postMessage", error="team_added_to_org")
    with pytest.raises(PlatformAway):
        await calls.call(client, world.place.workspace, "chat.postMessage", caller="us", **given)
    assert (await calls.call(client, world.place.workspace, "chat.postMessage", caller="us", **given))["ok"]


async def test_what_was_never_sent_is_not_in_doubt(database: Database, workspaces: Workspaces, world: World) -> None:
    """A host that takes no connection: this one's queue is full."""
    with socket.socket() as server, socket.socket() as first:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first.connect(server.getsockname())
        slack, calls = Slack("http://{}:{}/api".format(*server.getsockname())), Calls(Allowances(database, workspaces))
        with pytest.raises(PlatformAway):
            await calls.call(
                slack.client(Secret("t")),
                world.place.workspace,
                "chat.postMessage",
                caller="us",
                channel="C1",
                text="a",
            )
        await slack.close()


async def test_every_answer_of_a_worker_has_its_own_connection(world: World, client: AsyncWebClient) -> None:
    """However slow Slack is: waiting for a free one would fail the call."""
    held = world.slack.fail("auth.test", hold=(go_on := asyncio.Event()), times=-1)
    world.slack.tiers.on = False
    calls = [asyncio.create_task(client.auth_test()) for _ in range(350)]
    await world.slack.until(lambda: held.times == -1 - len(calls), seconds=20)
    go_on.set()
    assert all(reply["ok"] for reply in await asyncio.gather(*calls))


async def test_nothing_goes_to_where_somebody_in_slacks_place_sends_us(
    world: World, database: Database, workspaces: Workspaces
) -> None:
    """Neither a refresh token nor a text; and since nothing was taken, nothing is in doubt."""
    async with FakeSlack() as elsewhere:

        async def portal(scope: Scope, receive: Receive, send: Send) -> None:
            await RedirectResponse(f"{elsewhere.base}{scope['path']}", 307)(scope, receive, send)

        async with served(portal) as url:
            slack, calls = Slack(f"{url}/api"), Calls(Allowances(database, workspaces))
            with pytest.raises(PlatformAway, match="Redirected"):
                await slack.exchange(Credentials("id", Secret("secret")), refresh_token="xoxe-1-refresh")
            for method, given in (("chat.postMessage", {"text": "a"}), ("conversations.info", {})):
                with pytest.raises(PlatformAway, match="Redirected"):
                    await calls.call(
                        slack.client(Secret("t")), world.place.workspace, method, caller="us", channel="C1", **given
                    )
            await slack.close()
        assert elsewhere.calls == []


@pytest.mark.parametrize("calls_away", [{"times": 0}, {"drop": "before"}, {"status": 503}], ids=str)
async def test_somebody_is_told_though_the_host_for_replies_cannot_be_reached(
    world: World, database: Database, workspaces: Workspaces, calls_away: dict[str, Any]
) -> None:
    """Firewalls let slack.com through, and forget hooks.slack.com; or for a moment, neither is in reach."""
    world.slack.fail("chat.postEphemeral", **calls_away)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        hooks = "http://{}:{}".format(*nobody.getsockname())
        slack, calls = Slack(world.slack.api_url), Calls(Allowances(database, workspaces))
        installs = Installs(slack, Installations(database, workspaces), bot_token=Secret(world.askrepo.token))
        privately = Privately(installs, calls, Around(calls, People(calls), hooks))
        alice = Somebody(Installed(world.team.id), world.alice.id, world.place, response_url=f"{hooks}/response/x")
        await privately.say(alice, "Mapped.")
        await slack.close()
    assert [told.body for told in world.slack.ephemerals(world.general, world.alice)] == ["Mapped."]
