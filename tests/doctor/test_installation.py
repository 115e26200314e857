"""The checks of what belongs to no platform are seen to pass and to fail: settings, database, keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from alembic import command
from bots.findings import Level, ok
from core import schema
from core.channels.tokens import Tokens
from core.cipher import Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.secret import Secret
from core.workspaces import Workspaces
from tests.console.processes import Home
from tests.doctor.examined import OK, WARNING, WRONG, contents, findings

CANARY = "canary-4f1d9a7c"


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("ASKREPO_CHAT_TOKN", "Write `ASKREPO_CHAT_TOKEN`, if that is meant."),
        ("DISCORD_BOT_TOKEN", "Write `DISCORD_TOKEN`, if that is meant."),
        ("ASKREPO_WHATEVER_ELSE", "Unset it; `.env.example` lists all that there are."),
        ("SLACK_WEBHOOK_FOR_ALERTS", ""),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
async def test_names_that_are_no_settings(
    name: str, fix: str, by_file: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if by_file:
        (tmp_path / ".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")
    said = (await findings({}))["settings"]
    assert (said.level, said.fix) == (WARNING if fix else OK, fix)
    assert not fix or name in said.words


async def test_an_env_file_that_is_a_folder(tmp_path: Path) -> None:
    assert "there is no" in (await findings({}))["settings"].words
    (tmp_path / ".env").mkdir()
    said = (await findings({}))["settings"]
    assert (said.level, said.words) == (WRONG, f"`{tmp_path}/.env` is no file")


@pytest.mark.parametrize(("url", "warned"), [("http://bot.example.com", True), ("https://bot.example.com", False)])
async def test_a_page_for_tokens_that_would_be_reached_in_clear(url: str, warned: bool) -> None:
    said = (await findings({"ASKREPO_PUBLIC_URL": url})).get("token page")
    assert (said is not None) == warned
    assert said is None or (said.level, "https://" in said.fix) == (WARNING, True)


async def _behind(url: str) -> None:
    """A database as the first revision left it."""
    database = Database(Secret(url))
    engine = database.engine_for_schema()
    async with engine.begin() as connection:
        await connection.run_sync(lambda each: command.upgrade(schema.config(each), "+1"))
    await engine.dispose()
    await database.close()


async def _current(url: str) -> None:
    database = Database(Secret(url))
    await schema.upgrade(database)
    await database.close()


async def _newer(url: str) -> None:
    database = Database(Secret(url))
    await schema.upgrade(database)
    await database.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ff'"))
    await database.close()


async def _foreign(url: str) -> None:
    database = Database(Secret(url))
    await database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE theirs (n integer)"))
    await database.close()


async def _nothing(url: str) -> None:
    """An empty one."""


@pytest.mark.parametrize(
    ("made", "subject", "level", "words", "fix"),
    [
        (_nothing, "migrations", OK, "will be brought up to date on the first run", ""),
        (_behind, "migrations", WARNING, "an older askrepo", "Run `askrepo db upgrade`"),
        (_current, "migrations", OK, "is up to date", ""),
        (_newer, "database", WRONG, "written by a newer askrepo", "Update askrepo."),
        (_foreign, "database", WRONG, "none of askrepo's making", "a database for askrepo alone"),
    ],
)
async def test_databases(
    made: Callable[[str], Awaitable[None]],
    subject: str,
    level: Level,
    words: str,
    fix: str,
    empty_database_url: str,
    tmp_path: Path,
) -> None:
    await made(empty_database_url)
    before = contents(tmp_path)
    said = await findings({"DATABASE_URL": empty_database_url, "ASKREPO_SECRET_KEYS": new_key().text()})
    assert said[subject].level is level
    assert words in said[subject].words
    assert fix in said[subject].fix
    assert said["keys"].level is (OK if subject == "migrations" else WARNING)
    assert contents(tmp_path) == before


async def test_a_sqlite_file_of_another_journal_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs (n integer)")
    before = contents(tmp_path)
    assert (await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}))["database"].level is WRONG
    assert contents(tmp_path) == before


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are my notes\n" * 100)
    said = await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/notes.txt"})
    assert said["database"].level is WRONG
    assert said["keys"].level is WARNING


async def test_a_database_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o700)
    said = await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/file/askrepo.db"})
    assert (said["database"].level, said["database"].words) == (
        WRONG,
        f"{tmp_path}/file/askrepo.db: it cannot be made in {tmp_path}/file",
    )


async def test_a_database_that_is_away(unused_tcp_port: int) -> None:
    url = f"postgresql://me:{CANARY}@127.0.0.1:{unused_tcp_port}/askrepo"
    said = await findings({"DATABASE_URL": url, "ASKREPO_SECRET_KEYS": new_key().text()})
    assert "PostgreSQL database askrepo at 127.0.0.1" in said["database"].words
    assert (said["database"].level, said["database"].fix) == (WRONG, "Start it, or correct `DATABASE_URL`.")
    assert (said["keys"].level, said["keys"].fix) == (WARNING, "Mend the database first.")


async def test_postgresql_needs_keys(empty_postgres_url: str) -> None:
    said = await findings({"DATABASE_URL": empty_postgres_url})
    assert said["database"].level is OK
    assert said["keys"].level is WRONG
    assert said["keys"].fix.startswith("Put what `askrepo keys new` prints into `ASKREPO_SECRET_KEYS`")


async def test_keys_are_tried_on_what_is_stored(database_url: str) -> None:
    ours, other = new_key(), new_key()
    database = Database(Secret(database_url))
    await Workspaces(database, Keyring((ours,))).data_key(WorkspaceRef("slack", "T1"))
    fits = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": f"{other.text()},{ours.text()}"})
    assert (fits["keys"].level, fits["keys"].words) == (OK, "ASKREPO_SECRET_KEYS")
    lost = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": other.text()})
    assert lost["keys"].level is WRONG
    assert ours.key_id.hex() in lost["keys"].words
    await database.write(lambda connection: connection.exec_driver_sql("UPDATE workspaces SET workspace_id = 'T2'"))
    moved = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": ours.text()})
    assert (moved["keys"].level, moved["keys"].fix) == (WRONG, "Restore database and keys from the same backup.")
    await database.write(lambda connection: connection.exec_driver_sql("UPDATE workspaces SET workspace_id = 'T1'"))
    both = Keyring((other, ours))
    tokens = Tokens(database, Workspaces(database, both), both, origin="https://chat.example.com", process_token=None)
    await tokens.save_for_workspace(WorkspaceRef("slack", "T1"), Secret("cAnArY-0123456789"), actor="U1")
    of_token = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": ours.text()})
    assert of_token["keys"].level is WRONG
    assert f"tokens are stored under `{other.key_id.hex()}`" in of_token["keys"].words
    await database.close()


async def test_a_key_file(home: Home, tmp_path: Path) -> None:
    assert (await home.run("map", "acme/widgets")).code == 0
    path = home.data / "askrepo.keys"
    url = {"DATABASE_URL": f"sqlite:///{home.data}/askrepo.db"}
    before = contents(tmp_path)
    assert (await findings(url))["keys"] == ok("keys", str(path))
    assert contents(tmp_path) == before
    path.chmod(0o644)
    assert "chmod 600" in (await findings(url))["keys"].words
    path.rename(tmp_path / "elsewhere")
    said = (await findings(url))["keys"]
    assert said.level is WRONG
    assert "restore it from a backup" in said.words
    assert not path.exists()
