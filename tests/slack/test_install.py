"""Installing by OAuth over real HTTP: our pages, a browser's cookies, and a Slack that hands out what was agreed to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from bots.slack.install import install_routes
from bots.slack.installs import Installs
from bots.slack.web_client import Credentials, Slack
from core import logs
from core.cipher import Keyring
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.installations import Installations
from core.secret import Secret
from core.tables import InstallationRow, TicketRow
from core.tickets import Passes, Tickets
from core.workspaces import Workspaces
from tests.channels.places import rows
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Team, User
from tests.serving import served
from tests.slack.browser import Browser, button

PUBLIC = "https://bot.example.org"


@dataclass
class House:
    """The app as one process serves it."""

    slack: FakeSlack
    team: Team
    alice: User
    installs: Installs
    passes: Passes
    browser: Callable[[], Browser]

    async def goes_to_slack(self, browser: Browser, path: str = "/slack/install") -> str:
        """Open the page and follow its button: Slack's authorize URL."""
        reply = await browser.opens(PUBLIC + path)
        assert reply.status_code == 200
        return button(reply)

    async def installs_it(self, browser: Browser, user: User | None = None, **how: bool) -> httpx.Response:
        """The whole way, as this person."""
        url = await self.goes_to_slack(browser)
        return await browser.opens(self.slack.install_url_answer(url, user or self.alice, **how))

    def exchanges(self) -> int:
        return len(self.slack.called("oauth.v2.access"))


@contextlib.asynccontextmanager
async def process(slack: FakeSlack, database: Database, keyring: Keyring) -> AsyncIterator[House]:
    """One process of the app, installed nowhere yet."""
    api_url = slack.api_url.rstrip("/")
    way, passes = Slack(api_url), Passes(database, keyring)
    credentials = Credentials(slack.app.client_id, Secret(slack.app.client_secret))
    installs = Installs(way, Installations(database, Workspaces(database, keyring)), credentials=credentials)
    routes = install_routes(way, installs, passes, credentials, public_url=PUBLIC, api_url=api_url)
    async with (
        served(Starlette(routes=routes)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
    ):
        team = slack.teams[0]
        yield House(slack, team, next(iter(slack.users.values())), installs, passes, lambda: Browser(client, PUBLIC))
    await way.close()


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        slack.app.redirect_uris.add(f"{PUBLIC}/slack/oauth_redirect")
        slack.user(slack.team("acme"), "alice", admin=True)
        yield slack


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite: what differs between the databases is tested beside tickets and installations."""
    return sqlite_url


@pytest.fixture
async def house(slack: FakeSlack, database: Database, keyring: Keyring) -> AsyncIterator[House]:
    async with process(slack, database, keyring) as house:
        yield house


def where(house: House) -> WorkspaceRef:
    return WorkspaceRef("slack", house.team.id)


async def test_a_workspace_installs_the_app(house: House) -> None:
    reply = await house.installs_it(house.browser())
    assert reply.status_code == 200
    assert "installed" in reply.text
    assert "acme" in reply.text
    (real,) = house.slack.installations
    found = await house.installs.of(where(house))
    assert found is not None
    assert found.bot_token == Secret(real.token)
    assert (found.bot_user_id, found.bot_id, found.app_id) == (real.bot.id, real.bot_id, house.slack.app.id)
    assert (found.team_id, found.enterprise_id, found.refresh_token) == (house.team.id, None, None)
    assert set(found.scopes) == real.scopes
    told = await (await house.installs.client(where(house))).auth_test()
    assert told["team_id"] == house.team.id


async def test_nothing_of_an_installation_can_be_read_in_the_database(house: House, database: Database) -> None:
    await house.installs_it(house.browser())
    (row,) = await rows(database, InstallationRow)
    assert house.slack.installations[0].token not in repr(row)
    assert [row.sealed for row in await rows(database, TicketRow)] == [b""]


async def test_whoever_only_looks_at_the_page_takes_no_room(house: House, database: Database) -> None:
    """Anybody can, and as often as they like."""
    for _ in range(3):
        await house.goes_to_slack(house.browser())
    assert await rows(database, TicketRow) == []


async def test_the_button_leads_to_slack_with_what_we_ask_for(house: House) -> None:
    url = await house.goes_to_slack(house.browser())
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{house.slack.base}/oauth/v2/authorize"
    assert query["redirect_uri"] == [f"{PUBLIC}/slack/oauth_redirect"]
    assert query["client_id"] == [house.slack.app.client_id]
    assert re.fullmatch(r"[\w-]{100,300}", query["state"][0])


async def test_the_cookie_is_for_this_host_alone(house: House) -> None:
    browser = house.browser()
    reply = await browser.opens(f"{PUBLIC}/slack/install")
    (line,) = reply.headers.get_list("set-cookie")
    assert line.startswith("__Host-askrepo-install=")
    attributes = {part.strip().lower() for part in line.split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=lax", "path=/", "max-age=600"}
    (binding,) = browser.cookies.values()
    assert binding not in reply.text


async def test_an_organisation_installs_it_for_all_its_workspaces(house: House) -> None:
    one = house.slack.team("one", enterprise="E0GRID")
    two = house.slack.team("two", enterprise="E0GRID")
    carol = house.slack.user(one, "carol", admin=True)
    reply = await house.installs_it(house.browser(), carol, org=True)
    assert reply.status_code == 200
    assert "in none of its workspaces yet" in reply.text
    assert 'href="https://app.slack.com/manage/E0GRID/integrations/profile/' in reply.text
    organisation = await house.installs.of(WorkspaceRef("slack", "E0GRID"))
    assert organisation is not None
    assert (organisation.team_id, organisation.enterprise_id) == (None, "E0GRID")
    assert await house.installs.of(WorkspaceRef("slack", one.id), "E0GRID") == organisation
    assert await house.installs.of(WorkspaceRef("slack", one.id)) is None
    client = await house.installs.client(WorkspaceRef("slack", one.id), "E0GRID")
    assert client.default_params == {"team_id": one.id}
    assert await house.installs.of(WorkspaceRef("slack", two.id), "E0OTHER") is None


async def test_a_workspace_of_a_grid_can_install_it_alone(house: House) -> None:
    one = house.slack.team("one", enterprise="E0GRID")
    await house.installs_it(house.browser(), house.slack.user(one, "carol", admin=True))
    found = await house.installs.of(WorkspaceRef("slack", one.id), "E0GRID")
    assert found is not None
    assert (found.team_id, found.enterprise_id) == (one.id, "E0GRID")
    assert await house.installs.of(WorkspaceRef("slack", "E0GRID")) is None


async def test_two_tabs_of_one_browser_both_work(house: House) -> None:
    browser = house.browser()
    first, second = [await house.goes_to_slack(browser) for _ in range(2)]
    assert (await browser.opens(house.slack.install_url_answer(first, house.alice))).status_code == 200
    other = house.slack.user(house.slack.team("other"), "bob", admin=True)
    assert (await browser.opens(house.slack.install_url_answer(second, other))).status_code == 200
    assert (await house.installs_it(browser, other)).status_code == 200


async def test_another_browser_cannot_go_on(house: House) -> None:
    """Nobody is led to finish an installation that somebody else began; whoever began it still can."""
    began, other = house.browser(), house.browser()
    back = house.slack.install_url_answer(await house.goes_to_slack(began), house.alice)
    await other.opens(f"{PUBLIC}/slack/install")
    for browser in (house.browser(), other):
        reply = await browser.opens(back)
        assert reply.status_code == 400
        assert "browser you began in" in reply.text
    assert house.exchanges() == 0
    assert (await began.opens(back)).status_code == 200


async def test_a_state_works_once(house: House) -> None:
    browser = house.browser()
    url = await house.goes_to_slack(browser)
    again = dict(browser.cookies)
    assert (await browser.opens(house.slack.install_url_answer(url, house.alice))).status_code == 200
    browser.cookies = again
    reply = await browser.opens(house.slack.install_url_answer(url, house.alice))
    assert (reply.status_code, house.exchanges()) == (400, 1)
    assert "does not work any more" in reply.text
    assert button(reply) == f"{PUBLIC}/slack/install"


async def test_a_state_ends_with_its_time(house: House) -> None:
    browser = house.browser()
    url = httpx.URL(await house.goes_to_slack(browser))
    intent = await house.passes.peek("slack install", Secret(url.params["state"]))
    assert intent is not None
    for seconds, ends in ((0, (400, 0)), (60, (200, 1))):
        state = house.passes.issue("slack install", intent, seconds).reveal()
        back = house.slack.install_url_answer(str(url.copy_set_param("state", state)), house.alice)
        assert ((await browser.opens(back)).status_code, house.exchanges()) == ends


@pytest.mark.parametrize("query", ["", "?state=&code=x", "?code=x", "?state=%00%ff&code=x", "?state=x&code=x"])
async def test_a_made_up_callback_asks_nothing_of_slack(house: House, query: str) -> None:
    browser = house.browser()
    await house.goes_to_slack(browser)
    reply = await browser.opens(f"{PUBLIC}/slack/oauth_redirect{query}")
    assert (reply.status_code, house.exchanges()) == (400, 0)


async def test_what_is_good_for_something_else_is_no_state(house: House, database: Database, keyring: Keyring) -> None:
    browser = house.browser()
    await house.goes_to_slack(browser)
    ticket = await Tickets(database, keyring).issue("slack install", "{}", 600)
    for other in (ticket, house.passes.issue("token page", "{}", 600)):
        reply = await browser.opens(f"{PUBLIC}/slack/oauth_redirect?state={other.reveal()}&code=x")
        assert (reply.status_code, house.exchanges()) == (400, 0)


async def test_a_state_is_good_at_another_process(
    house: House, slack: FakeSlack, database: Database, keyring: Keyring
) -> None:
    browser = house.browser()
    back = slack.install_url_answer(await house.goes_to_slack(browser), house.alice)
    async with process(slack, database, keyring) as other:
        elsewhere = other.browser()
        elsewhere.cookies = browser.cookies
        assert (await elsewhere.opens(back)).status_code == 200
    assert await house.installs.of(where(house)) is not None


async def test_looking_ahead_uses_nothing_up(house: House, database: Database) -> None:
    browser = house.browser()
    back = house.slack.install_url_answer(await house.goes_to_slack(browser), house.alice)
    for url in (back, f"{PUBLIC}/slack/install"):
        assert (await browser.opens(url, "HEAD")).status_code == 405
    assert (await rows(database, TicketRow), house.exchanges()) == ([], 0)
    assert (await browser.opens(back)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "8443"},
        {"Forwarded": "host=evil.example;proto=http"},
        {"X-Original-URL": "https://evil.example/", "Referer": "https://evil.example/", "Origin": "null"},
    ],
)
async def test_whatever_a_request_is_addressed_to_people_come_back_here(house: House, headers: dict[str, str]) -> None:
    browser = house.browser()
    browser.headers = headers
    reply = await browser.opens(f"{PUBLIC}/slack/install?redirect_uri=https://evil.example/")
    assert parse_qs(urlsplit(button(reply)).query)["redirect_uri"] == [f"{PUBLIC}/slack/oauth_redirect"]
    assert "evil" not in reply.text
    assert "evil" not in str(reply.headers)
    back = house.slack.install_url_answer(button(reply), house.alice)
    assert (await browser.opens(back)).status_code == 200
    (call,) = house.slack.called("oauth.v2.access")
    assert call.arguments["redirect_uri"] == f"{PUBLIC}/slack/oauth_redirect"


async def test_saying_no_installs_nothing(house: House) -> None:
    reply = await house.installs_it(house.browser(), denied=True)
    assert (reply.status_code, house.exchanges()) == (400, 0)
    assert "Nothing was installed" in reply.text


@pytest.mark.parametrize("error", ["invalid_scope", "<script>alert(1)</script>", "`*x*`"])
async def test_a_reason_in_the_address_is_shown_harmlessly(house: House, error: str) -> None:
    browser = house.browser()
    state = parse_qs(urlsplit(await house.goes_to_slack(browser)).query)["state"][0]
    address = httpx.URL(f"{PUBLIC}/slack/oauth_redirect", params={"error": error, "state": state})
    reply = await browser.opens(str(address))
    assert (reply.status_code, house.exchanges()) == (502, 0)
    assert "<script" not in reply.text
    assert "<em>" not in reply.text


async def test_slack_refuses_the_code(house: House) -> None:
    browser = house.browser()
    back = house.slack.install_url_answer(await house.goes_to_slack(browser), house.alice)
    house.slack.advance(601)
    reply = await browser.opens(back)
    assert reply.status_code == 502
    assert "<code>invalid_code</code>" in reply.text
    assert await house.installs.of(where(house)) is None


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
@pytest.mark.parametrize(
    "how",
    [{"drop": "after"}, {"drop": "before"}, {"html": True, "status": 503}, {"status": 500}, {"body": b'["busy"]'}],
)
async def test_slack_does_not_answer(house: House, method: str, how: dict[str, object]) -> None:
    house.slack.fail(method, **how)  # type: ignore[arg-type]
    reply = await house.installs_it(house.browser())
    assert reply.status_code == 502
    assert button(reply) == f"{PUBLIC}/slack/install"
    assert len(house.slack.called(method)) <= 1
    assert await house.installs.of(where(house)) is None
    assert (await house.installs_it(house.browser())).status_code == 200


async def test_a_link_for_one_workspace_is_for_no_other(house: House) -> None:
    other = house.slack.user(house.slack.team("other"), "bob", admin=True)
    browser = house.browser()
    url = await house.goes_to_slack(browser, f"/slack/install?team={house.team.id}")
    assert parse_qs(urlsplit(url).query)["team"] == [house.team.id]
    reply = await browser.opens(house.slack.install_url_answer(url, other))
    assert reply.status_code == 502
    assert await house.installs.of(WorkspaceRef("slack", other.team.id)) is None
    url = await house.goes_to_slack(browser, f"/slack/install?team={house.team.id}")
    assert (await browser.opens(house.slack.install_url_answer(url, house.alice))).status_code == 200


@pytest.mark.parametrize("team", ["C123", "T1%22onclick", "../..", "T" * 100])
async def test_a_link_for_no_workspace_is_refused(house: House, team: str) -> None:
    reply = await house.browser().opens(f"{PUBLIC}/slack/install?team={team}")
    assert reply.status_code == 400
    assert "onclick" not in reply.text


async def test_installing_again_takes_the_place_of_the_former(house: House) -> None:
    await house.installs_it(house.browser())
    first = await house.installs.of(where(house))
    await house.installs_it(house.browser())
    second = await house.installs.of(where(house))
    assert first is not None
    assert second is not None
    assert first.bot_token != second.bot_token
    assert second.bot_token == Secret(house.slack.installations[0].token)


async def test_installing_elsewhere_changes_nothing_here(house: House) -> None:
    await house.installs_it(house.browser())
    before = await house.installs.of(where(house))
    other = house.slack.user(house.slack.team("other"), "bob", admin=True)
    await house.installs_it(house.browser(), other)
    assert await house.installs.of(where(house)) == before


@pytest.mark.parametrize("rounds", [5, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(7_200)])])
async def test_of_eight_callbacks_at_once_one_asks_slack(house: House, rounds: int) -> None:
    house.slack.tiers.on = False
    for number in range(rounds):
        browser = house.browser()
        back = house.slack.install_url_answer(await house.goes_to_slack(browser), house.alice)
        replies = await asyncio.gather(*(browser.opens(back) for _ in range(8)))
        assert sorted(reply.status_code for reply in replies) == [200] + [400] * 7
        assert house.exchanges() == number + 1


class Everything(logging.Handler):
    """Somebody else's log, which takes what our own would not; but for what the test's browser says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.lines.append(f"{record.getMessage()} {record.exc_info}")


async def test_no_token_code_or_secret_is_logged(house: House) -> None:
    written, everything, root = StringIO(), Everything(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    house.slack.app.rotation = True
    try:
        logs.configure("debug", "json", written)
        root.addHandler(everything)
        browser = house.browser()
        back = house.slack.install_url_answer(await house.goes_to_slack(browser), house.alice)
        await browser.opens(back)
        house.slack.fail("oauth.v2.access", error="invalid_code", access_token="xo" + "xb-canary-in-a-refusal")
        await house.installs_it(browser)
        house.slack.fail("oauth.v2.access", drop="after")
        await house.installs_it(browser)
        found = await house.installs.of(where(house))
    finally:
        root.handlers[:], root.level = handlers, level
    assert found is not None
    assert found.refresh_token is not None
    assert "installed" in written.getvalue()
    assert "invalid_code" in written.getvalue()
    left = "\n".join((*everything.lines, written.getvalue()))
    secrets = [found.bot_token.reveal(), found.refresh_token.reveal(), house.slack.app.client_secret, "canary"]
    secrets += [parse_qs(urlsplit(back).query)[name][0] for name in ("code", "state")]
    assert [each for each in secrets if each in left] == []


async def test_the_clock_of_an_installation_is_slacks(house: House, database: Database) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await house.installs_it(house.browser())
    (row,) = await rows(database, InstallationRow)
    assert row.installed_at.microsecond == 0
    assert before <= row.installed_at <= datetime.now(UTC)
