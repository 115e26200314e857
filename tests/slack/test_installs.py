"""What we may act with in a workspace: found, renewed in time by one exchange, and ended with its removal."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bots.slack.changes import Changes
from bots.slack.ignored import Ignored
from bots.slack.installation import SlackInstallation, of_stored
from bots.slack.installed import of_envelope
from bots.slack.installs import Installs
from bots.slack.lifecycle import AppUninstalled, TokensRevoked, happened
from bots.slack.web_client import Credentials, Slack
from core.channels.mappings import Mappings
from core.cipher import Keyring
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import DeliveryFailed, PlaceGone, PlatformAway, SettingsError
from core.installations import Installation, Installations
from core.secret import Secret
from core.tables import InstallationRow
from core.workspaces import Workspaces
from tests.channels.places import rows
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation as Real

HERE = WorkspaceRef("slack", "T0HERE")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite: what differs between the databases is tested beside installations."""
    return sqlite_url


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        slack.team(team_id="T0HERE")
        yield slack


@dataclass
class House:
    """Several processes on one database; `now` is what their caches go by."""

    slack: FakeSlack
    installations: Installations
    processes: list[Installs]
    now: float = 1_000.0

    async def stored(self, **changes: Any) -> SlackInstallation:
        """The app as it is installed in the one workspace, kept since long ago."""
        kept = replace(kept_of(self.slack.install(self.slack.teams[0])), **changes)
        await self.installations.save(HERE, kept.payload(), installed_at=LONG_AGO, expires_at=kept.expires_at)
        return kept


def kept_of(real: Real) -> SlackInstallation:
    refresh = next(reversed(real.refresh_tokens), None)
    return SlackInstallation(
        bot_token=Secret(real.token),
        bot_user_id=real.bot.id,
        bot_id=real.bot_id,
        app_id="A0ASKREPO",
        team_id=real.team.id if real.team else None,
        enterprise_id=real.enterprise_id,
        scopes=tuple(sorted(real.scopes)),
        refresh_token=None if refresh is None else Secret(refresh),
    )


def soon(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


@pytest.fixture
async def house(slack: FakeSlack, database: Database, keyring: Keyring) -> AsyncIterator[House]:
    way, credentials = (
        Slack(slack.api_url.rstrip("/")),
        Credentials(slack.app.client_id, Secret(slack.app.client_secret)),
    )
    house = House(slack, Installations(database, Workspaces(database, keyring)), [])
    house.processes = [
        Installs(
            way,
            Installations(database, Workspaces(database, keyring)),
            credentials=credentials,
            clock=lambda: house.now,
        )
        for _ in range(4)
    ]
    yield house
    await way.close()


async def works(installs: Installs) -> bool:
    """Whether Slack takes what we would act with."""
    return bool((await (await installs.client(HERE)).auth_test())["ok"])


def test_what_is_stored_comes_back() -> None:
    whole = SlackInstallation(
        Secret("t"), "U1", "B1", "A1", "T1", "E1", ("a", "b"), refresh_token=Secret("r"), expires_at=LONG_AGO
    )
    for each in (whole, replace(whole, refresh_token=None, team_id=None, expires_at=None)):
        assert of_stored(Installation(each.payload(), 1, LONG_AGO, each.expires_at)) == each
        assert "Secret" in repr(each)


async def test_without_an_installation_there_is_nothing_to_act_with(house: House) -> None:
    assert await house.processes[0].of(HERE) is None
    with pytest.raises(PlatformAway):  # it may be installed in a minute
        await house.processes[0].client(HERE, "E0GRID")


async def test_a_token_with_hours_left_is_used_as_it_is(house: House) -> None:
    house.slack.app.rotation = True
    kept = await house.stored(expires_at=soon(2.1))
    assert await house.processes[0].of(HERE) == kept
    assert house.slack.calls == []


@pytest.mark.parametrize("hours", [1.9, -1.0], ids=["soon over", "over"])
async def test_of_fifty_who_find_it_due_one_renews_it(house: House, hours: float) -> None:
    house.slack.app.rotation = True
    before = await house.stored(expires_at=soon(hours))
    await asyncio.gather(*(house.processes[each % 4].of(HERE) for each in range(50)))
    assert len(house.slack.called("oauth.v2.access")) == 1
    (call,) = house.slack.called("oauth.v2.access")
    assert call.arguments["grant_type"] == "refresh_token"
    house.now += 60
    after = await house.processes[3].of(HERE)
    assert after is not None
    assert after.expires_at is not None
    assert after.bot_token == Secret(house.slack.installations[0].token)
    assert after.refresh_token not in {None, before.refresh_token}
    assert soon(11.9) < after.expires_at <= soon(12)
    assert replace(after, bot_token=before.bot_token, refresh_token=None, expires_at=None) == replace(
        before, refresh_token=None, expires_at=None
    )
    assert await works(house.processes[3])


async def test_renewed_again_and_again(house: House) -> None:
    house.slack.app.rotation = True
    house.slack.tiers.on = False
    await house.stored(expires_at=soon(1))
    for number in range(5):
        found = await house.processes[number % 4].of(HERE)
        assert found is not None
        assert len(house.slack.called("oauth.v2.access")) == number + 1
        await house.installations.save(HERE, found.payload(), installed_at=LONG_AGO, expires_at=soon(1))
        house.now += 60
    assert await works(house.processes[0])


@pytest.mark.parametrize("how", [{"error": "ratelimited"}, {"drop": "before"}, {"status": 500}, {"html": True}])
async def test_a_failed_renewal_is_no_failure_while_the_token_lasts(house: House, how: dict[str, Any]) -> None:
    house.slack.app.rotation = True
    kept = await house.stored(expires_at=soon(1))
    house.slack.fail("oauth.v2.access", **how)
    assert await house.processes[0].of(HERE) == kept
    assert await house.processes[1].of(HERE) == kept
    assert len(house.slack.called("oauth.v2.access")) <= 1  # the others wait for the lease
    assert await works(house.processes[0])


@pytest.mark.parametrize(
    "how", [{"error": "invalid_client_id"}, {"error": "invalid_refresh_token"}, {"status": 429}, {"html": True}]
)
async def test_an_expired_token_is_not_used(house: House, how: dict[str, Any]) -> None:
    house.slack.app.rotation = True
    await house.stored(expires_at=soon(-1))
    house.slack.fail("oauth.v2.access", **how)
    with pytest.raises(PlatformAway):
        await house.processes[0].client(HERE)


async def test_an_expired_token_that_nothing_renews_waits_for_the_app_to_be_installed_again(house: House) -> None:
    await house.stored(expires_at=soon(-1))
    with pytest.raises(PlatformAway, match="SLACK_CLIENT_ID"):
        await house.processes[0].client(HERE)


async def test_what_was_read_serves_for_half_a_minute(house: House, database: Database) -> None:
    first = await house.stored()
    assert await house.processes[0].of(HERE) == first
    await house.installations.revoke(HERE, before=soon(0))  # by another process
    assert await house.processes[0].of(HERE) == first
    house.now += 31
    assert await house.processes[0].of(HERE) is None
    assert len(await rows(database, InstallationRow)) == 1


async def test_an_uninstall_ends_all_use_here_at_once_and_elsewhere_soon(house: House) -> None:
    await house.stored()
    here, elsewhere = house.processes[:2]
    assert [await each.of(HERE) is not None for each in (here, elsewhere)] == [True, True]
    await here.uninstalled(HERE, datetime.now(UTC))
    with pytest.raises(PlatformAway):
        await here.client(HERE)
    house.now += 31
    assert await elsewhere.of(HERE) is None


async def test_what_was_being_read_during_an_uninstall_is_not_remembered(house: House) -> None:
    kept, here = await house.stored(), house.processes[0]
    for hour in range(1, 40, 2):
        await house.installations.save(HERE, kept.payload(), installed_at=LONG_AGO + timedelta(hours=hour))
        house.now += 60
        reading = [asyncio.create_task(here.of(HERE)) for _ in range(3)]
        await here.uninstalled(HERE, LONG_AGO + timedelta(hours=hour + 1))
        await asyncio.gather(*reading)
        assert await here.of(HERE) is None


async def test_installing_counts_at_once(house: House) -> None:
    here = house.processes[0]
    assert await here.of(HERE) is None
    real = house.slack.install(house.slack.teams[0])
    await here.installed(kept_of(real), datetime.now(UTC))
    assert await works(here)


async def test_only_the_revoked_bots_token_ends(house: House) -> None:
    kept = await house.stored()
    here = house.processes[0]
    await here.revoked(HERE, ("U0ANOTHER",), datetime.now(UTC))
    assert await here.of(HERE) == kept
    await here.revoked(HERE, ("U0ANOTHER", kept.bot_user_id), datetime.now(UTC))
    assert await here.of(HERE) is None


async def test_that_nothing_is_installed_is_not_remembered(house: House) -> None:
    for number in range(1_010):
        await house.processes[0].of(WorkspaceRef("slack", f"T{number}"))
    assert len(house.processes[0]._cache) == 0  # what is not installed may be at any moment


Event = dict[str, Any]


async def news(installs: Installs, event: Event, at: datetime) -> None:
    """An event, on the way the app takes it."""
    envelope = {"team_id": HERE.workspace_id, "authorizations": [], "event": event}
    match happened(event, of_envelope(envelope)):
        case AppUninstalled():
            await installs.uninstalled(HERE, at)
        case TokensRevoked(bots):
            await installs.revoked(HERE, bots, at)


@pytest.mark.parametrize("uninstalled_at", [12, 30], ids=["reinstalled last", "uninstalled last"])
@pytest.mark.parametrize("step", [24, pytest.param(1, marks=pytest.mark.long)])
async def test_every_order_of_six_events_ends_right(
    database: Database, keyring: Keyring, slack: FakeSlack, uninstalled_at: int, step: int
) -> None:
    """Installed, its bot's token revoked, uninstalled, installed again, a person's token revoked, a question.

    Some of the 720 orders, in the long run all; beside installations they are tested all.
    """
    first = kept_of(slack.install(slack.teams[0]))
    second = replace(first, bot_token=Secret("the second token"))
    bot, person = {"bot": [first.bot_user_id]}, {"oauth": ["U0ALICE"]}

    def at(seconds: int) -> datetime:
        return LONG_AGO + timedelta(seconds=seconds)

    events: list[Callable[[Installs], Awaitable[object]]] = [
        lambda it: it.installed(first, at(0)),
        lambda it: it.installed(second, at(20)),
        lambda it: news(it, {"type": "tokens_revoked", "tokens": bot}, at(10)),
        lambda it: news(it, {"type": "tokens_revoked", "tokens": person}, at(25)),
        lambda it: news(it, {"type": "app_uninstalled"}, at(uninstalled_at)),
        lambda it: it.of(HERE),
    ]
    wrong = []
    installations = Installations(database, Workspaces(database, keyring))
    for order in itertools.islice(itertools.permutations(range(6)), 0, None, step):
        installs = Installs(Slack("http://127.0.0.1:9/api"), installations)
        for each in order:
            await events[each](installs)
        if await installs.of(HERE) != (second if uninstalled_at < 20 else None):
            wrong.append(order)
        await database.write(_emptied)
    assert wrong == []


async def _emptied(connection: Any) -> None:
    await connection.exec_driver_sql("DELETE FROM installations")


@pytest.fixture
async def way(slack: FakeSlack) -> AsyncIterator[Slack]:
    way = Slack(slack.api_url.rstrip("/"))
    yield way
    await way.close()


async def test_the_token_of_the_settings_acts_in_its_workspace_alone(
    slack: FakeSlack, way: Slack, database: Database, workspaces: Workspaces
) -> None:
    real = slack.install(slack.teams[0])
    single = Installs(way, Installations(database, workspaces), bot_token=Secret(real.token))
    found = await asyncio.gather(*(single.of(HERE) for _ in range(10)))
    assert {(each.bot_user_id, each.bot_id, each.team_id) for each in found if each} == {
        (real.bot.id, real.bot_id, "T0HERE")
    }
    assert len(slack.called("auth.test")) == 1
    assert set(found[0].scopes if found[0] else ()) == real.scopes
    with pytest.raises(PlaceGone):
        await single.client(WorkspaceRef("slack", "T0OTHER"))
    assert await rows(database, InstallationRow) == []
    await single.uninstalled(HERE, LONG_AGO)
    assert await single.of(HERE) is not None
    await single.uninstalled(HERE, datetime.now(UTC) + timedelta(seconds=1))
    with pytest.raises(PlatformAway):
        await single.client(HERE)


async def test_a_token_of_the_settings_that_slack_refuses(
    slack: FakeSlack, way: Slack, database: Database, workspaces: Workspaces
) -> None:
    now = 0.0
    token, stored = Secret("no token of theirs"), Installations(database, workspaces)
    single = Installs(way, stored, bot_token=token, clock=lambda: now)
    for _ in range(3):  # as many questions as wait ask for it, and again and again
        with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN: Slack refuses it \(invalid_auth\)$"):
            await single.of(HERE)
    assert len(slack.called("auth.test")) == 1
    now = 61.0
    slack.fail("auth.test", drop="after")
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        await single.of(HERE)


async def test_no_proxy_of_the_environment_and_no_retry(
    slack: FakeSlack, way: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    real = slack.install(slack.teams[0])
    client = way.client(Secret(real.token))
    assert (await client.auth_test())["ok"]
    slack.fail("auth.test", drop="after")
    with pytest.raises(aiohttp.ClientError):
        await client.auth_test()
    slack.fail("auth.test", status=429, retry_after=1)
    with pytest.raises(SlackApiError, match="ratelimited"):
        await client.auth_test()
    assert len(slack.called("auth.test")) == 3


@pytest.mark.parametrize("kind", ["tokens_revoked", "app_uninstalled"])
@pytest.mark.parametrize("of_all", [True, False], ids=["of the organisation", "of the workspace"])
async def test_the_installation_that_a_delivery_is_for_ends(
    house: House, database: Database, workspaces: Workspaces, kind: str, of_all: bool
) -> None:
    """Where an organisation's goes, Slack may name a workspace of it too."""
    organisation, nobody = WorkspaceRef("slack", "E0GRID"), None
    kept = await house.stored(enterprise_id="E0GRID")
    for_all = replace(kept, team_id=None)
    await house.installations.save(organisation, for_all.payload(), installed_at=LONG_AGO, expires_at=None)
    owner = {"enterprise_id": "E0GRID", "team_id": None if of_all else "T0HERE", "is_enterprise_install": of_all}
    event: Event = {"type": kind}
    if kind == "tokens_revoked":
        event["tokens"] = {"bot": [kept.bot_user_id]}
    envelope: Event = {
        "team_id": "T0HERE",
        "authorizations": [{**owner, "user_id": kept.bot_user_id, "is_bot": True}],
        "event": event,
    }
    found = happened(event, of_envelope(envelope))
    assert not isinstance(found, Ignored)
    parts = SimpleNamespace(mappings=Mappings(database, workspaces, process_repository=None))
    changes = Changes(parts, house.processes[0], nobody, nobody, nobody)  # type: ignore[arg-type]
    await changes.happened(found, envelope)
    left = [await house.processes[0].known(each) is not None for each in (HERE, organisation)]
    assert left == [of_all, not of_all]
