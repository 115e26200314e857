"""The database layer on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import base as pool
from structlog.testing import capture_logs

from alembic import command
from core import keyfile, schema
from core import sqlite as inline
from core.batches import Batches
from core.channels.tokens import Tokens
from core.cipher import Keyring, new_key
from core.connections import Connections
from core.conversation.values import WorkspaceRef
from core.database import _POOL, _READERS, _URGENT, Database, now_ms
from core.database_url import parse_url
from core.errors import (
    DatabaseError,
    DatabaseTooNew,
    DatabaseUnavailable,
    DatabaseUnreadable,
    KeyringError,
    SettingsError,
)
from core.secret import Secret
from core.workspaces import Workspaces
from tests.migrations import both_ways


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://u:p@db.example.com/askrepo", "postgresql+asyncpg"),
        ("postgresql://u:p@db.example.com/askrepo?sslmode=require", "postgresql+asyncpg"),
        ("postgresql+psycopg://u@db/askrepo", "postgresql+asyncpg"),
        (f"postgresql://u:p@%2Fcloudsql%2F{'long-' * 20}/askrepo", "postgresql+asyncpg"),
        (f"postgresql://u:p@{'a' * 60}.com,{'b' * 60}.com/askrepo", "postgresql+asyncpg"),
        ("postgresql://u:p[]＠@[::1]:5432/askrepo", "postgresql+asyncpg"),
        ("sqlite:////var/lib/a.db", "sqlite+inline"),
    ],
)
def test_every_spelling_of_a_url_gets_our_driver(given: str, driver: str) -> None:
    assert parse_url(Secret(given)).drivername == driver


@pytest.mark.parametrize(
    "given",
    [
        "",
        "hunter2",
        "mysql://u:hunter2@h/d",
        "sqlite://",
        "postgresql://u:hunter2@h",
        "http://hunter2/",
        "postgresql://u:p@hunter2@h/d",
        "postgresql://u/n:hunter2@h/d",
        "postgresql://u:hunter2@h:99999/d",
        "postgresql://u:hunter2@db..internal/d",
        "postgresql://u:hunter2@h＠i/d",  # a full-width @
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_url(Secret(given))
    assert caught.value.name == "DATABASE_URL"
    assert "hunter2" not in str(caught.value)


async def test_units_share_a_transaction_and_fail_alone(database: Database) -> None:
    await database.write(lambda connection: _run(connection, "CREATE TABLE numbers (n integer UNIQUE)"))

    def insert(number: int) -> object:
        async def unit(connection: AsyncConnection) -> int:
            await connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
            if number % 3 == 0:
                raise LookupError(number)
            return number

        return database.write(unit)

    results = await asyncio.gather(*(insert(n) for n in range(30)), return_exceptions=True)  # type: ignore[call-overload]
    assert [r for r in results if isinstance(r, int)] == [n for n in range(30) if n % 3]
    assert sum(isinstance(r, LookupError) for r in results) == 10
    async with database.reading() as connection:
        stored = (await connection.execute(text("SELECT n FROM numbers ORDER BY n"))).scalars().all()
    assert stored == [n for n in range(30) if n % 3]


async def test_a_full_disk_passes_for_all_who_share_a_transaction(tmp_path: Path) -> None:
    """SQLite takes the whole transaction back by itself, in the middle of a statement that needs room."""
    database = Database(Secret(f"sqlite:///{tmp_path / 'askrepo.db'}"))
    await database.write(lambda connection: _run(connection, "CREATE TABLE pages (content)"))
    await database.write(lambda connection: _run(connection, "PRAGMA max_page_count = 1000"))

    def insert(octets: int) -> object:
        statement = f"INSERT INTO pages VALUES (zeroblob({octets}))"  # noqa: S608
        return database.write(lambda connection: _run(connection, statement))

    results = await asyncio.gather(*(insert(n) for n in (10, 10, 20_000_000, 10)), return_exceptions=True)  # type: ignore[call-overload]
    assert [type(each) for each in results] == [DatabaseUnavailable] * 4
    assert all("full" in str(each) for each in results)
    await insert(10)  # type: ignore[misc]
    await database.close()


async def test_a_cancelled_caller_leaves_the_others_alone(database: Database) -> None:
    await database.write(lambda connection: _run(connection, "CREATE TABLE numbers (n integer)"))
    entered = asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        entered.set()
        await _run(connection, "INSERT INTO numbers VALUES (1)")

    first = asyncio.create_task(database.write(slow))
    await entered.wait()
    first.cancel()
    await database.write(lambda connection: _run(connection, "INSERT INTO numbers VALUES (2)"))
    async with database.reading() as connection:
        stored = (await connection.execute(text("SELECT n FROM numbers"))).scalars().all()
    assert 2 in stored


async def test_what_a_cancelled_caller_asked_for_is_given_to_nobody_else() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def tenfold(numbers: Sequence[int]) -> Sequence[int]:
        entered.set()
        await go_on.wait()
        return [number * 10 for number in numbers]

    batches = Batches[int, int](tenfold, most=10)
    callers = [asyncio.create_task(batches.add(number)) for number in range(5)]
    await entered.wait()
    callers[1].cancel()
    go_on.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results.pop(1), asyncio.CancelledError)
    assert results == [0, 20, 30, 40]


async def test_the_clock_is_the_databases(database: Database) -> None:
    async with database.reading() as connection:
        first = (await connection.execute(select(now_ms()))).scalar_one()
        second = (await connection.execute(select(now_ms()))).scalar_one()
    assert 1_700_000_000_000 < first <= second < 4_000_000_000_000


async def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path}/deep/askrepo.db"))
    await schema.upgrade(database)
    async with database.reading() as connection:
        pragmas = [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in _PRAGMAS]
    await database.close()
    assert pragmas == ["wal", 2, 1, 1]
    assert stat.S_IMODE((tmp_path / "deep" / "askrepo.db").stat().st_mode) == 0o600


_PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")


async def test_only_what_need_not_last_is_not_waited_for(tmp_path: Path) -> None:
    """Nor does it bring the log into the file. What shares a transaction with something that lasts, lasts too."""
    apart: list[bool] = []

    class Connection(inline.Connection):
        def commit(self) -> None:
            apart.append(threading.current_thread() is not threading.main_thread())
            super().commit()

    class Dialect(inline.Dialect):
        connection_class = Connection
        supports_statement_cache = True  # SQLAlchemy asks each class of its own

    async def waits(connection: AsyncConnection) -> list[int]:
        names = ("synchronous", "wal_autocheckpoint")
        return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in names]

    normal, full = [1, 0], [2, 4_000]
    with mock.patch.dict(registry.impls, {f"sqlite.{inline.DRIVER}": lambda: Dialect}):
        database = Database(Secret(f"sqlite:///{tmp_path}/askrepo.db"))
        assert await database.write(waits) == full
        assert await database.write(waits, lasting=False) == normal
        together = [database.write(waits, lasting=lasting) for lasting in (False, True, False)]
        assert await asyncio.gather(*together) == [full] * 3
        assert await database.write(waits, lasting=False) == normal
        await database.close()
    assert apart == [True, False, True, False]


def test_who_opens_a_new_file_waits_for_another_process_that_writes_it(tmp_path: Path) -> None:
    path, refused = tmp_path / "askrepo.db", threading.Event()

    class Connection(inline.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            try:
                return super().execute(*arguments)
            except sqlite3.OperationalError:
                refused.set()
                raise

    class Dialect(inline.Dialect):
        connection_class = Connection
        supports_statement_cache = True

    def opened() -> str:
        dialect = Dialect(("busy_timeout = 60000", "journal_mode = WAL"))
        with closing(dialect.open(str(path))) as connection:
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])

    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        opening = pool.submit(opened)
        assert refused.wait(60)
        other.execute("COMMIT")
        assert opening.result() == "wal"


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, not a database\n" * 100)
    database = Database(Secret(f"sqlite:///{path}"))
    with pytest.raises(DatabaseUnreadable):
        await schema.upgrade(database)
    await database.close()
    assert path.read_text().startswith("these are my notes")


async def test_another_programs_database_is_refused(empty_database_url: str) -> None:
    database = Database(Secret(empty_database_url))
    await database.write(lambda connection: _run(connection, "CREATE TABLE theirs (n integer)"))
    with pytest.raises(DatabaseUnreadable, match="none of askrepo's making"):
        await schema.upgrade(database)
    await database.close()


async def test_looking_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "askrepo.db"
    url = Secret(f"sqlite:///{path}")
    with pytest.raises(DatabaseUnreadable):
        Database(url, read_only=True)
    assert not path.exists()
    path.write_bytes(b"")
    looking = Database(url, read_only=True)
    assert await schema.state(looking) is schema.State.EMPTY
    with pytest.raises(DatabaseUnreadable):
        await looking.write(lambda connection: _run(connection, "CREATE TABLE numbers (n integer)"))
    await looking.close()
    assert path.read_bytes() == b""


async def test_how_far_a_schema_is(empty_database_url: str) -> None:
    database = Database(Secret(empty_database_url))
    assert await schema.state(database) is schema.State.EMPTY
    engine = database.engine_for_schema()
    async with engine.begin() as connection:
        await connection.run_sync(lambda each: command.upgrade(schema.config(each), "+1"))
    await engine.dispose()
    assert await schema.state(database) is schema.State.BEHIND
    await schema.upgrade(database)
    assert await schema.state(database) is schema.State.CURRENT
    await database.close()


async def test_a_revision_may_take_its_time_between_two_statements(empty_postgres_url: str) -> None:
    """Who vanishes within a transaction keeps its locks for seconds; but on a slow machine so does loading scripts."""
    database = Database(Secret(empty_postgres_url))
    engine = database.engine_for_schema()
    limit = "SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
    async with engine.connect() as patient, database.reading() as usual:
        longer, shorter = [(await each.exec_driver_sql(limit)).scalar_one() for each in (patient, usual)]
    assert 0 < shorter < 10_000
    assert longer > 60_000
    await engine.dispose()
    await database.close()


async def test_a_newer_database_is_refused_unchanged(database: Database) -> None:
    await database.write(lambda connection: _run(connection, "UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(DatabaseTooNew):
        await schema.upgrade(database)
    async with database.reading() as connection:
        assert (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).scalar_one() == "ffff"


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnreadable):
        await schema.upgrade(Database(Secret(f"sqlite:///{tmp_path}/file/askrepo.db")))


async def test_nobody_answers_at_the_address(unused_tcp_port: int) -> None:
    database = Database(Secret(f"postgresql://me:hunter2@127.0.0.1:{unused_tcp_port}/askrepo"))
    with pytest.raises(DatabaseUnavailable) as caught:
        await schema.upgrade(database)
    assert "hunter2" not in str(caught.value)
    await database.close()


async def test_processes_that_start_together_upgrade_once(empty_database_url: str) -> None:
    databases = [Database(Secret(empty_database_url)) for _ in range(5)]
    did = await asyncio.gather(*(schema.upgrade(each) for each in databases))
    assert sorted(did) == [False] * 4 + [True]
    for each in databases:
        await each.close()


async def test_a_revision_waits_for_another_processes_on_sqlite_too(tmp_path: Path) -> None:
    path = tmp_path / "askrepo.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    database = Database(Secret(f"sqlite:///{path}"), busy_seconds=0.1)
    upgrade = asyncio.create_task(schema.upgrade(database))
    assert not (await asyncio.wait({upgrade}, timeout=1))[0]  # a write would have given up
    other.execute("COMMIT")
    assert await upgrade
    other.close()
    await database.close()


@pytest.mark.long
async def test_a_revision_waits_for_another_as_long_as_it_takes(empty_postgres_url: str) -> None:
    database = Database(Secret(empty_postgres_url))
    engine = database.engine_for_schema()
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT pg_sleep(31)")
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda connection: _run(connection, "SELECT pg_sleep(31)"))
    await engine.dispose()
    await database.close()


async def test_revisions_run_both_ways_and_match_the_tables(empty_database_url: str) -> None:
    await both_ways(empty_database_url)


async def test_connections_that_postgresql_has_ended_are_replaced(postgres_url: str, postgres: str) -> None:
    database, all_open = Database(Secret(postgres_url)), asyncio.Barrier(3)
    ended: asyncio.Queue[object] = asyncio.Queue()

    async def read() -> None:
        async with database.reading() as connection:
            await _run(connection, "SELECT 1")
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver
            driver.add_termination_listener(ended.put_nowait)
            await all_open.wait()

    await asyncio.gather(*(read() for _ in range(all_open.parties)))
    killer = await asyncpg.connect(postgres)
    ends_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await killer.fetch(ends_all, _name(postgres_url))
    await killer.close()
    for _ in range(all_open.parties):
        await ended.get()
    await asyncio.gather(*(read() for _ in range(all_open.parties)))
    await database.write(lambda connection: _run(connection, "SELECT 1"))
    await database.close()


async def test_what_is_urgent_does_not_wait_for_a_connection_of_others(postgres_url: str) -> None:
    """A lease would run out meanwhile, and a platform give up."""
    database, all_read, written = Database(Secret(postgres_url)), asyncio.Barrier(_POOL + 1), asyncio.Event()

    async def read() -> None:
        async with database.reading():
            await all_read.wait()
            await written.wait()

    reading = [asyncio.create_task(read()) for _ in range(_POOL)]
    await all_read.wait()
    await database.write(lambda connection: _run(connection, "SELECT 1"), urgent=True)
    async with asyncio.timeout(20):
        await Workspaces(database, Keyring((new_key(),))).data_key(WorkspaceRef("slack", "T1"))
    written.set()
    await asyncio.gather(*reading)
    await database.close()


async def test_who_waits_for_a_connection_opens_it_where_those_before_were_cancelled(database_url: str) -> None:
    """Their own time would run out for nothing: nobody opens what they wait for."""
    database = Database(Secret(database_url))
    all_of_them = _READERS if database.is_sqlite else _POOL

    async def read() -> int:
        async with database.reading() as connection:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())

    before, waiting = ([asyncio.create_task(read()) for _ in range(each * all_of_them)] for each in (1, 3))
    await asyncio.sleep(0)  # each has begun
    for each in before:
        each.cancel()
    assert await asyncio.gather(*waiting) == [1] * len(waiting)
    await database.close()


async def test_who_waits_for_a_connection_hears_why_there_is_none(unused_tcp_port: int) -> None:
    """At once, and not after 30 seconds that all were in use."""
    database = Database(Secret(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing"))
    asked = [database.write(lambda connection: _run(connection, "SELECT 1"), urgent=True) for _ in range(_URGENT + 3)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    await database.close()
    assert {type(each) for each in told} == {DatabaseUnavailable}
    assert len({str(each) for each in told}) == 1


async def test_nobody_waits_for_a_connection_for_ever(database: Database) -> None:
    connections = Connections(database._reader.engine, wait_seconds=0)
    async with contextlib.AsyncExitStack() as held:
        for _ in range(_READERS if database.is_sqlite else _POOL):
            await held.enter_async_context(connections.connect())
        with pytest.raises(DatabaseUnavailable, match="all its connections are in use"), database.translated():
            async with connections.connect():
                pytest.fail("more than there are")
    async with connections.connect() as connection:
        await _run(connection, "SELECT 1")


async def test_no_connection_to_postgresql_grows_old(postgres_url: str) -> None:
    """What stands between forgets one that is silent, and may not say so."""
    database = Database(Secret(postgres_url))

    async def backend() -> int:
        async with database.reading() as connection:
            return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    first = await backend()
    assert await backend() == first
    with mock.patch.object(pool, "time", mock.Mock(time=lambda: time.time() + 200)):  # SQLAlchemy's clock
        assert await backend() != first
    await database.close()


async def test_a_read_is_one_transaction(postgres_url: str, postgres: str) -> None:
    """Nothing is asked of a connection before it is used: that one was ended is known without (see above)."""
    counts = [await _transactions(postgres, postgres_url)]
    for reads in (1, 101):
        database = Database(Secret(postgres_url))
        for _ in range(reads):
            async with database.reading() as connection:
                await _run(connection, "SELECT 1")
        await database.close()
        counts.append(await _transactions(postgres, postgres_url))
    nothing, one, many = counts
    assert (many - one) - (one - nothing) == 100


async def _transactions(server: str, url: str) -> int:
    """How many were ended in this database."""
    connection = await asyncpg.connect(server)
    await _unused(connection, url)
    ended = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"
    count = int(await connection.fetchval(ended, _name(url)))
    await connection.close()
    return count


async def _unused(connection: asyncpg.Connection, url: str) -> None:
    """Return when nobody is connected to this database; what was done there is counted by then."""
    while await connection.fetchval("SELECT numbackends FROM pg_stat_database WHERE datname = $1", _name(url)):
        pass


def _name(url: str) -> str:
    return urlsplit(url).path[1:]


@pytest.mark.parametrize(
    ("state", "said", "kind"),
    [
        ("57P03", "the database system is in recovery mode", DatabaseUnavailable),
        ("57P03", "the database system is not yet accepting connections", DatabaseUnavailable),
        ("57014", "canceling statement due to user request", DatabaseUnavailable),
        ("25006", "cannot execute UPDATE in a read-only transaction", DatabaseUnavailable),
        ("53100", "could not extend file: No space left on device", DatabaseUnavailable),
        ("53200", "out of memory", DatabaseUnavailable),
        ("55P03", "could not obtain lock on row", DatabaseUnavailable),
        ("40P01", "deadlock detected", DatabaseUnavailable),
        ("58030", "could not read block 7", DatabaseUnavailable),
        ("42501", "permission denied for table connections", DatabaseUnreadable),
        ("42P01", "relation does not exist", DatabaseUnreadable),
    ],
)
async def test_postgresql_says_by_its_code_whether_another_try_helps(
    state: str, said: str, kind: type[DatabaseError], postgres_url: str
) -> None:
    database = Database(Secret(postgres_url))
    raises = f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(DatabaseError, match=said.lower()) as caught:
        await database.write(lambda connection: _run(connection, raises))
    assert type(caught.value) is kind
    await database.close()


async def test_a_statement_from_before_the_tables_changed_is_tried_again(postgres_url: str) -> None:
    """As in a rolling upgrade: a connection keeps what it has prepared."""
    database = Database(Secret(postgres_url))
    await database.write(lambda connection: _run(connection, "CREATE TABLE noted (n integer)"))
    select_all = "SELECT * FROM noted"
    await database.write(lambda connection: _run(connection, select_all))
    other = await asyncpg.connect(postgres_url)
    await other.execute("ALTER TABLE noted ADD COLUMN more integer")
    await other.close()
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda connection: _run(connection, select_all))
    await database.write(lambda connection: _run(connection, select_all))
    await database.close()


async def test_a_locked_file_is_unavailable_not_unreadable(tmp_path: Path) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path}/askrepo.db"), busy_seconds=0.05)
    await schema.upgrade(database)
    other = sqlite3.connect(tmp_path / "askrepo.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda connection: _run(connection, "DELETE FROM turns"))
    other.close()
    await database.write(lambda connection: _run(connection, "DELETE FROM turns"))
    await database.close()


async def test_a_process_that_ends_takes_nobodys_log_away(tmp_path: Path) -> None:
    path = tmp_path / "askrepo.db"
    database = Database(Secret(f"sqlite:///{path}"))
    await database.write(lambda connection: _run(connection, "CREATE TABLE noted (n integer)"))
    # one more of this process, as a start makes beside another: it must not cost the first one its locks
    await Database(Secret(f"sqlite:///{path}")).close()
    await _beside(path, "INSERT INTO noted VALUES (1)")
    await database.write(lambda connection: _run(connection, "INSERT INTO noted VALUES (2)"))
    assert await _beside(path, "SELECT sum(n) FROM noted") == "3"
    async with database.reading() as connection:
        assert (await connection.exec_driver_sql("SELECT sum(n) FROM noted")).scalar_one() == 3
    await database.close()


async def _beside(path: Path, statement: str) -> str:
    """What another process is answered, which opens the file and ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BESIDE, str(path), statement, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().strip()


_BESIDE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
print(*(value for row in connection.execute(sys.argv[2]) for value in row))
connection.close()
"""


async def test_who_vanishes_within_a_transaction_keeps_nobody_waiting(postgres_url: str) -> None:
    """As a machine does that loses its power or its network: its connection stays open, and nothing comes by it."""
    vanished, other = Database(Secret(postgres_url), busy_seconds=1), Database(Secret(postgres_url))
    locked, gone = asyncio.Event(), asyncio.Event()

    async def lock(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        locked.set()

    async def vanish(connection: AsyncConnection) -> None:
        await lock(connection)
        await gone.wait()

    task = asyncio.create_task(vanished.write(vanish))
    await locked.wait()
    await asyncio.wait_for(other.write(lock), 20)
    gone.set()
    with pytest.raises(DatabaseUnavailable):
        await task
    await vanished.write(lock)
    for database in (vanished, other):
        await database.close()


HOSTERS = "sslmode=prefer&channel_binding=prefer&connect_timeout=10&application_name=askrepo"


@pytest.mark.parametrize(
    "said", ["", f"&{HOSTERS}", "&ssl=prefer"], ids=["plain", "as hosters say it", "as SQLAlchemy"]
)
async def test_other_processes_wake_us(postgres_url: str, said: str) -> None:
    woken = asyncio.Event()
    database = Database(Secret(postgres_url + said))
    async with database.wakes(woken.set):
        await asyncio.wait_for(woken.wait(), 10)  # the listener is connected
        woken.clear()
        other = Database(Secret(postgres_url))
        await other.write(other.announce)
        await asyncio.wait_for(woken.wait(), 10)
        await other.close()
    await database.close()


async def test_other_processes_wake_us_once_a_server_may_be_written_to(postgres_url: str) -> None:
    """After a failover no server of the address may be, for a while."""
    other = Database(Secret(postgres_url))
    name = make_url(postgres_url).database

    async def only_read(what: str) -> None:
        setting = f'ALTER DATABASE "{name}" SET default_transaction_read_only = {what}'
        await other.write(lambda connection: connection.exec_driver_sql(setting))

    await only_read("on")
    woken = asyncio.Event()
    database = Database(Secret(f"{postgres_url}&target_session_attrs=read-write"))
    with capture_logs() as logged:
        async with database.wakes(woken.set), asyncio.timeout(10):
            while not logged:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            await only_read("off")
            await woken.wait()
    for each in (database, other):
        await each.close()


async def test_the_first_run_makes_a_key_and_the_next_finds_it(tmp_path: Path) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path}/askrepo.db"))
    await schema.upgrade(database)
    rings = await asyncio.gather(*(keyfile.keyring(database, None) for _ in range(5)))
    assert len({repr(ring) for ring in rings}) == 1
    path = tmp_path / "askrepo.keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await Workspaces(database, rings[0]).data_key(WorkspaceRef("console", "me"))

    path.chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        await keyfile.keyring(database, None)
    path.unlink()
    with pytest.raises(KeyringError, match="restore it"):
        await keyfile.keyring(database, None)
    assert not path.exists()
    await database.close()


async def test_keys_are_looked_at_without_being_made(tmp_path: Path) -> None:
    assert keyfile.present(None, tmp_path / "askrepo.db", None) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyringError, match="ASKREPO_SECRET_KEYS"):
        keyfile.present(None, None, None)
    (tmp_path / "folder.keys").mkdir(mode=0o700)
    with pytest.raises(KeyringError, match="cannot be used: is a directory"):
        keyfile.present(None, tmp_path / "folder.db", None)


async def test_a_key_ring_that_does_not_fit_is_refused(database: Database) -> None:
    ours = new_key()
    await Workspaces(database, Keyring((ours,))).data_key(WorkspaceRef("console", "me"))
    with pytest.raises(KeyringError, match="which it does not hold"):
        await keyfile.keyring(database, Secret(new_key().text()))
    await keyfile.keyring(database, Secret(f"{new_key().text()},{ours.text()}"))
    if not database.is_sqlite:
        with pytest.raises(KeyringError, match="ASKREPO_SECRET_KEYS"):
            await keyfile.keyring(database, None)


async def test_a_key_that_is_still_needed_is_not_dropped(database: Database) -> None:
    """`keys rotate` was killed on its way: of some workspaces something is sealed under the older key yet."""
    old, new = new_key(), new_key()
    await Workspaces(database, Keyring((old, new))).data_key(WorkspaceRef("slack", "T1"))
    await Workspaces(database, Keyring((new, old))).data_key(WorkspaceRef("slack", "T0"))
    for left in (new, old):
        with pytest.raises(KeyringError, match="which it does not hold"):
            await keyfile.keyring(database, Secret(left.text()))
    await keyfile.keyring(database, Secret(f"{new.text()},{old.text()}"))


async def test_tokens_of_a_lost_key_hold_up_nothing_else(database: Database) -> None:
    old, new, workspace = new_key(), new_key(), WorkspaceRef("slack", "T1")
    await Workspaces(database, Keyring((new,))).data_key(workspace)
    both = Keyring((old, new))
    tokens = Tokens(database, Workspaces(database, both), both, origin="https://chat.example.com", process_token=None)
    await tokens.save_for_workspace(workspace, Secret("cAnArY-0123456789"), actor="U1")
    ring = await keyfile.keyring(database, Secret(new.text()))
    stored = await keyfile.sample(database)
    assert keyfile.lost(ring, stored) == (old.key_id.hex(),)
    assert keyfile.lost(both, stored) == ()


async def _run(connection: AsyncConnection, statement: str) -> None:
    await connection.exec_driver_sql(statement)
