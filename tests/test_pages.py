"""The page where a token is entered: once, by whoever holds the link, for the place it was made for."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from html.parser import HTMLParser
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from bots.pages.look import MOST_OCTETS, page, paragraph, prose, shown, text
from bots.pages.token import token_link, token_routes
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.channels.trials import Trials
from core.cipher import Keyring
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database, now_ms
from core.errors import AskrepoError, DatabaseUnavailable, NotMappedHere, ServiceUnavailable, TokenRefused
from core.relay import acts
from core.relay.limits import Allowances
from core.secret import Secret
from core.tables import TicketRow
from core.tickets import Tickets
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, WORKSPACE
from tests.serving import served

PUBLIC = "https://bot.example.org"
REPOSITORY = "github.com/acme/web"
TOKEN = "sk-test-0123456789abcdef"
LONG_TOKEN = f"github_pat_{'0123456789abcdef' * 5}"  # longer than a label


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@dataclass
class House:
    """The page as it is served, and what was tried on the service."""

    tickets: Tickets
    tokens: Tokens
    browser: httpx.AsyncClient = field(init=False)
    problems: list[AskrepoError] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)
    models: list[str | None] = field(default_factory=list)
    together: asyncio.Barrier | None = None

    async def check(self, repository: str, token: Secret | None, *, model: str | None = None) -> AskrepoError | None:
        assert token is not None
        self.tried.append((repository, token.reveal()))
        self.models.append(model)
        if self.together is not None:
            await self.together.wait()
        return self.problems.pop(0) if self.problems else None

    async def link(self, place: ChannelRef | WorkspaceRef = CHANNEL, name: str = "#web", who: str = "Alice") -> str:
        url = await token_link(
            self.tickets, PUBLIC, place, place_name=name, repository=REPOSITORY, actor="U1", actor_name=who
        )
        assert url.startswith(f"{PUBLIC}/token/")
        return url.removeprefix(PUBLIC)

    async def enters(self, link: str, token: str = TOKEN, label: str = "ci") -> httpx.Response:
        return await self.browser.post(link, data={"token": token, "label": label})

    async def stored(self) -> list[tuple[str, str, str, str]]:
        return [(each.purpose, each.label, each.last_four, each.set_by) for each in await self.tokens.list(WORKSPACE)]


@contextlib.asynccontextmanager
async def open_house(database: Database, keyring: Keyring) -> AsyncIterator[House]:
    tickets, workspaces = Tickets(database, keyring), Workspaces(database, keyring)
    tokens = Tokens(database, workspaces, keyring, origin="https://chat.example.org", process_token=None)
    mappings = Mappings(database, workspaces, process_repository=None)
    await mappings.map(CHANNEL, REPOSITORY, actor="U1")
    house = House(tickets, tokens)
    count = partial(acts.count, Allowances(database, workspaces))
    trials = Trials(mappings, tokens, Preferences(database, workspaces), house.check, count)
    application = Starlette(routes=token_routes(tickets, tokens, trials))
    async with served(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as browser:
        house.browser = browser
        yield house


@pytest.fixture
async def house(database: Database, keyring: Keyring) -> AsyncIterator[House]:
    async with open_house(database, keyring) as house:
        yield house


class Reader(HTMLParser):
    """What a browser makes of a page: its elements, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def elements(reply: httpx.Response) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(reply.text)
    return reader.elements


def fields(reply: httpx.Response) -> dict[str | None, dict[str, str | None]]:
    return {attributes.get("name"): attributes for tag, attributes in elements(reply) if tag == "input"}


async def test_a_channels_token_is_entered_once(house: House) -> None:
    link = await house.link()
    form = await house.browser.get(link)
    assert form.status_code == 200
    assert "#web" in form.text
    assert REPOSITORY in form.text
    assert "Alice" in form.text
    reply = await house.enters(link)
    assert (reply.status_code, house.tried) == (200, [(REPOSITORY, TOKEN)])
    assert TOKEN not in reply.text
    assert "cdef" in reply.text
    assert await house.stored() == [("mapping", "ci", "cdef", "U1")]
    for again in (await house.enters(link), await house.browser.get(link)):
        assert again.status_code == 410
    assert len(house.tried) == 1


async def test_a_workspaces_token_is_entered_once(house: House) -> None:
    link = await house.link(WORKSPACE, "Acme")
    assert (await house.enters(link, label="")).status_code == 200
    assert await house.stored() == [("workspace", "", "cdef", "U1")]
    assert (await house.enters(link)).status_code == 410


async def test_it_is_tried_with_the_model_of_its_place(
    house: House, database: Database, workspaces: Workspaces
) -> None:
    """The service may know no other, or the token be for no other."""
    await Preferences(database, workspaces).set(
        CHANNEL,
        follow_ups=FollowUps.SMART,
        guests=False,
        outsiders=False,
        model="llama-3",
        instructions=None,
        actor="U1",
    )
    for place in (CHANNEL, replace(CHANNEL, channel_id="C2"), WORKSPACE):
        await house.enters(await house.link(place))
    assert house.models == ["llama-3", None, None]


async def test_looking_does_not_use_it_up(house: House) -> None:
    link = await house.link()
    for _ in range(3):
        assert (await house.browser.get(link)).status_code == 200
        assert (await house.browser.head(link)).status_code == 200
    assert (await house.enters(link)).status_code == 200


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TokenRefused(), "The service refused this token"),
        (ServiceUnavailable(), "cannot be reached just now"),
    ],
)
async def test_what_the_service_does_not_take_can_be_tried_again(
    house: House, problem: AskrepoError, words: str
) -> None:
    link = await house.link()
    house.problems.append(problem)
    reply = await house.enters(link, label='my "label"')
    assert reply.status_code == 422
    assert words in reply.text
    assert TOKEN not in reply.text
    assert fields(reply)["label"]["value"] == 'my "label"'
    assert fields(reply)["token"]["aria-invalid"] == "true"
    described = fields(reply)["token"]["aria-describedby"]
    assert [attributes["role"] for _, attributes in elements(reply) if attributes.get("id") == described] == ["alert"]
    assert await house.stored() == []
    assert (await house.enters(link)).status_code == 200
    assert len(await house.stored()) == 1


@pytest.mark.parametrize("token", ["", "  ", "two words", "ünïcode", "Bearer abc", "a\x00b", "x" * 5_000])
async def test_what_cannot_be_a_token_is_not_tried(house: House, token: str) -> None:
    link = await house.link()
    reply = await house.enters(link, token)
    assert (reply.status_code, house.tried) == (422, [])
    assert "cannot be a token" in reply.text
    assert (await house.enters(link)).status_code == 200


async def test_a_label_that_repeats_the_token_is_refused(house: House) -> None:
    link = await house.link()
    for token, label in ((TOKEN, f"prod {TOKEN}"), (LONG_TOKEN, LONG_TOKEN), (LONG_TOKEN, f"prod {LONG_TOKEN}")):
        reply = await house.enters(link, token, label)
        assert (reply.status_code, house.tried) == (422, [])
        assert label[:20] not in reply.text
    assert (await house.enters(link)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\xff\xfe", b"token=%ff", b"&".join([b"a=b"] * 50), b"tok=en;label", b"=&=&="]
)
async def test_a_body_that_is_no_form_of_ours_changes_nothing(house: House, body: bytes) -> None:
    link = await house.link()
    assert (await house.browser.post(link, content=body)).status_code == 422
    assert (house.tried, await house.stored()) == ([], [])


async def test_a_body_beyond_any_form_is_not_read(house: House) -> None:
    link, read = await house.link(), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 100 * MOST_OCTETS:
            read += 1_000
            yield b"x" * 1_000

    reply = await house.browser.post(link, content=endless())
    assert reply.status_code == 413
    assert (await house.enters(link)).status_code == 200


async def test_a_link_ends_with_its_ten_minutes(house: House, database: Database) -> None:
    link = await house.link()
    over = update(TicketRow).values(expires_at=now_ms())
    await database.write(lambda connection: connection.execute(over))
    assert (await house.browser.get(link)).status_code == 410
    assert (await house.enters(link)).status_code == 410
    assert house.tried == []


@pytest.mark.parametrize("guess", ["x", "x" * 43, "%00", "%ff", "..%2f..", "<script>"])
async def test_a_guessed_link_opens_nothing(house: House, guess: str) -> None:
    await house.link()
    for reply in (await house.browser.get(f"/token/{guess}"), await house.enters(f"/token/{guess}")):
        assert reply.status_code in {404, 410}
        assert "<script>" not in reply.text


async def test_a_ticket_of_another_purpose_opens_nothing(house: House) -> None:
    ticket = await house.tickets.issue("slack install", "{}", 600)
    assert (await house.browser.get(f"/token/{ticket.reveal()}")).status_code == 410


async def test_of_many_at_once_one_is_saved(house: House) -> None:
    """Whoever presses twice, or shares the link: the service is asked by each, the token of one is kept."""
    link = await house.link()
    house.together = asyncio.Barrier(8)
    replies = await asyncio.gather(*(house.enters(link, f"{TOKEN}-{number}") for number in range(8)))
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses == [200] + [410] * 7
    assert all("perhaps by you just now" in reply.text for reply in replies if reply.status_code == 410)
    assert len(await house.stored()) == 1


async def test_a_channel_that_was_unmapped_meanwhile_gets_no_token(
    house: House, database: Database, workspaces: Workspaces
) -> None:
    link, mappings = await house.link(), Mappings(database, workspaces, process_repository=None)
    await mappings.unmap(CHANNEL, REPOSITORY, actor="U2")
    reply = await house.enters(link)
    assert reply.status_code == 409
    assert "is not mapped here" in reply.text
    assert await house.stored() == []
    await mappings.map(CHANNEL, REPOSITORY, actor="U2")
    assert (await house.enters(link)).status_code == 200
    assert (await house.enters(link)).status_code == 410


async def test_a_link_is_not_used_up_where_the_database_goes_away_while_the_token_is_saved(
    postgres_url: str, keyring: Keyring
) -> None:
    """Else they are told to try again, and then that it was used, perhaps by them just now."""
    database, holding = Database(Secret(postgres_url)), await asyncpg.connect(postgres_url)
    ends_waiting = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'tokens'::regclass"
    async with open_house(database, keyring) as house:
        link = await house.link()
        async with holding.transaction():
            await holding.execute("LOCK TABLE tokens IN EXCLUSIVE MODE")
            entering = asyncio.create_task(house.enters(link))
            while not entering.done() and not await holding.fetch(ends_waiting):
                pass
            assert (await entering).status_code == 503
        assert await house.stored() == []
        assert (await house.enters(link)).status_code == 200
        assert len(await house.stored()) == 1
        assert (await house.enters(link)).status_code == 410
    await holding.close()
    await database.close()


async def test_names_are_shown_as_they_are_and_do_nothing(house: House) -> None:
    nasty = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'
    form = await house.browser.get(await house.link(name=nasty, who=nasty))
    assert {tag for tag, _ in elements(form)}.isdisjoint({"script", "img"})
    assert "&amp;amp;" in form.text


async def test_nothing_comes_from_elsewhere_and_nothing_is_kept(house: House) -> None:
    link = await house.link()
    house.problems.append(TokenRefused())
    for reply in (await house.browser.get(link), await house.enters(link), await house.browser.get("/token/x")):
        policy = reply.headers["content-security-policy"]
        for rule in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
            assert rule in policy
        assert "script" not in policy
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-type"].startswith("text/html")
        assert link.rpartition("/")[2] not in reply.text
        attributes = [each for _, given in elements(reply) for each in given.items()]
        assert not [name for name, _ in attributes if name in {"src", "action", "srcset"} or name.startswith("on")]
        assert "url(" not in reply.text
        assert "@import" not in reply.text


async def test_the_form_is_for_people_with_a_keyboard_and_a_screen_reader(house: House) -> None:
    form = await house.browser.get(await house.link())
    labelled = {attributes["for"] for tag, attributes in elements(form) if tag == "label"}
    inputs = fields(form)
    assert labelled == {given["id"] for given in inputs.values()} == {"token", "label"}
    assert inputs["token"]["type"] == "password"
    assert inputs["token"]["autocomplete"] == "off"
    assert "value" not in inputs["token"]
    assert dict(elements(form))["html"] == {"lang": "en"}
    assert not [given for _, given in elements(form) if "tabindex" in given]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("run `/askrepo map a/b`, **now**", "run <code>/askrepo map a/b</code>, <strong>now</strong>"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("[x](javascript:alert) ![y](z) <https://e.x> https://e.x", "[x](javascript:alert) ![y](z) &lt;https://e.x&gt; https://e.x"),
    ],
)  # fmt: skip
def test_our_sentences_become_text(markdown: str, html: str) -> None:
    assert prose(markdown) == html


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (DatabaseUnavailable("postgresql://u:p@h", "gone"), 503, "cannot reach my database"),
        (NotMappedHere("github.com/a/b"), 409, "not mapped here"),
        (RuntimeError("canary"), 500, "Something went wrong on my side"),
    ],
)
async def test_a_failure_is_a_page_too(failure: Exception, status: int, words: str) -> None:
    async def fails(_: Request) -> Response:
        raise failure

    reply = await shown(fails)(Request({"type": "http", "method": "GET", "headers": []}))
    told = bytes(reply.body).decode()
    assert reply.status_code == status
    assert words in re.sub(r"<[^>]+>", "", told)
    assert "canary" not in told
    assert "u:p@h" not in told


def test_texts_are_escaped() -> None:
    shown_page = bytes(page("<x>", paragraph(text("<y>"))).body).decode()
    assert "<x>" not in shown_page
    assert "<p>&lt;y&gt;</p>" in shown_page
    assert quote("<") not in shown_page
