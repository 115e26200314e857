"""Fixtures of every tier. A test that needs a service starts it itself: PostgreSQL comes from a wheel."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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
from tests.compiling import compile_once
from tests.console.processes import forking
from tests.fakes.chat import FakeChat
from tests.proof.postmaster import postmaster


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays: no collection of garbage goes through it again and again."""
    freeze_heap()


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> None:
    compile_once()


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
        # it waits for no disk: what is killed here is processes, and what they have written outlives them
        asyncio.run(_execute(server.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        yield server.url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a PostgreSQL database with today's schema and nothing in it; template0 stays as PostgreSQL made it.

    As with SQLite: its revisions take as long as a usual test.
    """
    asyncio.run(_upgrade(_database_of(postgres, "template1")))
    return "template1"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with today's schema and nothing in it."""
    path = tmp_path_factory.mktemp("template") / "askrepo.db"
    asyncio.run(_upgrade(f"sqlite:///{path}"))
    return path


@asynccontextmanager
async def _copied(postgres: str, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database_of(postgres, name)
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _database_of(postgres: str, name: str) -> str:
    return postgres.replace("/postgres?", f"/{name}?")


async def _execute(postgres: str, *statements: str) -> None:
    connection = await asyncpg.connect(postgres)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _upgrade(url: str) -> None:
    database = Database(Secret(url))
    await schema.upgrade(database)
    await database.close()


@pytest.fixture
async def empty_postgres_url(postgres: str) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    async with _copied(postgres, "template0") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'askrepo.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database with today's schema and nothing in it."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'askrepo.db')}"


@pytest.fixture
async def postgres_url(postgres: str, postgres_template: str) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database with today's schema and nothing in it."""
    async with _copied(postgres, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with today's schema and nothing in it; once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with today's schema."""
    opened = Database(Secret(database_url))
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
