"""SE-02: what cannot be a token is refused where it is entered, with words that lack it; forced in, it is told nowhere.

Forced in means: stored, as no way in would have stored it. Every odd text by every way, and as whole questions:
pytest tests/test_odd_tokens.py -m long -n 0
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import structlog
from slack_sdk.errors import SlackApiError
from sqlalchemy import select, update
from starlette.applications import Starlette

from bots.pages.token import token_link, token_routes
from bots.slack.web_client import Slack
from core import logs, settings
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens, token_cell
from core.channels.trials import Trials
from core.chat.request import headers
from core.cipher import Keyring
from core.database import Database
from core.errors import AskrepoError, PlatformAway, SecretError, SettingsError, TokenRefused
from core.relay import acts
from core.relay.limits import Allowances
from core.secret import Secret, bearer
from core.tables import TokenRow
from core.tickets import Tickets
from core.workspaces import Workspaces
from tests.canaries import found
from tests.chat.asking import asking
from tests.fakes.chat import FakeChat
from tests.fakes.platform import FakePlatform
from tests.fakes.slack import FakeSlack
from tests.odd_tokens import HALVES, is_token, odd, told
from tests.relay.house import Process
from tests.relay.places import HERE, question
from tests.serving import served

ODD = [*odd()]
SOME = ODD[:768:24] + ODD[768:]
SCALES = pytest.mark.parametrize(
    "texts",
    [pytest.param(SOME, id="some"), pytest.param(ODD, id="all", marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
PLACE = HERE.channel.workspace


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def clean(text: str) -> bool:
    return not any(half in text for half in HALVES)


def test_an_odd_text_is_refused_with_words_that_lack_it() -> None:
    for text in ODD:
        if is_token(text):
            assert bearer(text).reveal() == text.strip()
            continue
        with pytest.raises(SecretError) as caught:
            bearer(text)
        assert clean(told(caught.value))
        assert clean(caught.value.problem)


def test_nor_is_it_put_in_a_header() -> None:
    for text in ODD:
        if is_token(text):
            assert headers(Secret(text), stream=True)["Authorization"] == f"Bearer {text.strip()}"
            continue
        with pytest.raises(TokenRefused) as caught:
            headers(Secret(text), stream=True)
        assert clean(told(caught.value))


def test_nor_does_a_process_begin_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("ASKREPO_CHAT_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CLIENT_SECRET", "DISCORD_TOKEN")
    for number, text in enumerate(ODD):
        if is_token(text) or "\0" in text or "\ud800" in text:
            continue  # no environment holds these two
        name = names[number % len(names)]
        with monkeypatch.context() as environment:
            environment.setenv(name, text)
            with pytest.raises(SettingsError) as caught:
                settings.load()
        assert caught.value.name == name
        assert clean(told(caught.value))


async def test_nor_is_it_stored(database: Database, workspaces: Workspaces, keyring: Keyring) -> None:
    tokens = Tokens(database, workspaces, keyring, origin="https://chat.example.com", process_token=None)
    for text in ODD:
        if is_token(text):
            continue
        with pytest.raises(SecretError) as caught:
            await tokens.save_for_workspace(PLACE, Secret(text), label="odd", actor="U1")
        assert clean(told(caught.value))
    assert await tokens.list(PLACE) == ()


@SCALES
async def test_nor_does_the_page_take_it(database: Database, keyring: Keyring, texts: Sequence[str]) -> None:
    tickets, tried = Tickets(database, keyring), []
    workspaces = Workspaces(database, keyring)
    tokens = Tokens(database, workspaces, keyring, origin="https://x.example", process_token=None)

    async def check(repository: str, token: Secret | None, *, model: str | None = None) -> AskrepoError | None:
        assert token is not None
        tried.append(token.reveal())
        return TokenRefused()

    link = await token_link(
        tickets, "", PLACE, place_name="Acme", repository="github.com/o/n", actor="U1", actor_name="Alice"
    )
    mappings = Mappings(database, workspaces, process_repository=None)
    count = partial(acts.count, Allowances(database, workspaces))
    trials = Trials(mappings, tokens, Preferences(database, workspaces), check, count)
    application = Starlette(routes=token_routes(tickets, tokens, trials))
    async with served(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as browser:
        for text in texts:
            posted = urlencode({"token": text, "label": ""}, errors="surrogatepass")
            reply = await browser.post(link, content=posted)
            assert reply.status_code in {413, 422}, repr(text)
            assert clean(reply.text)
    assert tried == [text.strip() for text in texts if is_token(text)]


class Forced:
    """A stored token that can be made any text."""

    def __init__(self, tokens: Tokens, database: Database, keyring: Keyring) -> None:
        self._tokens = tokens
        self._database = database
        self._keyring = keyring

    async def into(self, text: str) -> None:
        """The workspace's token is this text."""
        stored = await self._tokens.save_for_workspace(PLACE, Secret("a-good-token-1234"), actor="U1")
        async with self._database.reading() as connection:
            origin = (await connection.execute(select(TokenRow.origin))).scalar_one()
        sealed = self._keyring.seal_text(text, token_cell(PLACE, stored.token_id, "workspace", origin))
        await self._database.write(lambda connection: connection.execute(update(TokenRow).values(sealed=sealed)))


@SCALES
async def test_forced_in_it_is_not_sent_and_every_error_is_clean(
    database: Database, workspaces: Workspaces, keyring: Keyring, texts: Sequence[str]
) -> None:
    async with FakeChat(anonymous=True) as chat, asking(chat.url) as asker:
        tokens = Tokens(database, workspaces, keyring, origin=chat.url, process_token=None)
        forced = Forced(tokens, database, keyring)
        for text in texts:
            await forced.into(text)
            chosen = await tokens.choose(PLACE, None)
            assert chosen.secret == Secret(text)
            asked = await asker.ask(token=chosen.secret)
            if is_token(text):
                assert chat.requests[-1].token == text.strip()
            else:
                assert isinstance(asked.error, TokenRefused), repr(text)
                assert clean(told(asked.error))
        assert len(chat.requests) == sum(map(is_token, texts))


@contextmanager
def logged(written: io.StringIO) -> Iterator[None]:
    """What the product's own logging writes, at its most talkative."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.configure("debug", "json", written)
    try:
        yield
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()


@SCALES
async def test_a_question_with_it_ends_in_words_that_lack_it(
    database: Database, keyring: Keyring, texts: Sequence[str]
) -> None:
    """In the thread, and in the log."""
    platform, written = FakePlatform(), io.StringIO()
    with logged(written):
        async with FakeChat(anonymous=True) as chat:
            process = Process(database, keyring, platform, chat.url)
            await process.map(HERE.channel)
            forced = Forced(process.tokens, database, keyring)
            async with process.running():
                for number, text in enumerate(texts):
                    await forced.into(text)
                    outcome = await process.ask(question(str(number), at=number, within=HERE))
                    assert outcome == ("answered" if is_token(text) else "failed"), repr(text)
            assert {request.token for request in chat.requests} == {text.strip() for text in texts if is_token(text)}
    assert not [text for text in platform.texts if not clean(text)]
    assert platform.notices[HERE] == []
    assert any("the token cannot be sent" in line for line in written.getvalue().splitlines())
    assert clean(written.getvalue())
    assert found(written.getvalue().encode(), HALVES) == []


@SCALES
async def test_slack_is_called_with_it_and_every_error_is_clean(texts: Sequence[str]) -> None:
    """As an installation may hold it: the settings refuse it."""
    async with FakeSlack() as slack:
        way = Slack(slack.api_url.rstrip("/"))
        for text in texts:
            with pytest.raises((PlatformAway, SlackApiError)) as caught:
                await way.call(way.client(Secret(text)).auth_test())
            assert clean(told(caught.value)), repr(text[:60])
        await way.close()
