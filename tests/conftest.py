"""Fixtures of every tier. A test that needs a service starts it itself: PostgreSQL comes from a wheel."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import structlog

from bots.running import freeze_heap
from core import schema
from core.cipher import Keyring, new_key
from core.database import Database
from core.secret import Secret
from core.workspaces import Workspaces
from tests.console.processes import forking
from tests.fakes.chat import FakeChat
from tests.proof.postmaster import postmaster


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays: no collection of garbage goes through it again and again."""
    freeze_heap()


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """As the product writes them: with the values of each frame, as structlog has it, one takes seconds to write."""
    *earlier, _ = structlog.get_config()["processors"]
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*earlier, console])


@pytest.fixture(scope="session")
def forks() -> Iterator[Path]:
    """What starts askrepo as a process of its own, without importing it each time."""
    with forking() as path:
        yield path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL server of this test process; the URL of its maintenance database."""
    with postmaster() as server:
        yield server.url


@pytest.fixture
async def postgres_url(postgres: str) -> AsyncIterator[str]:
    """An empty database of its own."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'askrepo.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with today's schema and nothing in it. Its revisions take as long as a usual test."""
    path = tmp_path_factory.mktemp("template") / "askrepo.db"

    async def make() -> None:
        database = Database(Secret(f"sqlite:///{path}"))
        await schema.upgrade(database)
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
def sqlite_url(template: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database with today's schema and nothing in it."""
    return f"sqlite:///{shutil.copy(template, tmp_path / 'askrepo.db')}"


@pytest.fixture
async def database(database_url: str, template: Path) -> AsyncIterator[Database]:
    """An open database with today's schema."""
    scheme, _, path = database_url.partition(":///")
    if scheme == "sqlite":
        shutil.copy(template, path)
    opened = Database(Secret(database_url))
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
def keyring() -> Keyring:
    """A key ring of one fresh key."""
    return Keyring((new_key(),))


@pytest.fixture
def workspaces(database: Database, keyring: Keyring) -> Workspaces:
    """The workspaces of `database`."""
    return Workspaces(database, keyring)


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    """A /chat over a real socket that takes any token."""
    async with FakeChat() as fake:
        yield fake


@pytest.fixture
def unused_tcp_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
