"""A backup holds all that is stored, whatever runs meanwhile, and is made of files that only their owner reads."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cipher import new_key
from tests.console.processes import Home

SLACK = ("--platform", "slack", "--workspace", "T1", "--channel", "C1")
NAMES = ("acme/widgets", "acme/gadgets", "acme/docs")


@pytest.fixture
def home(forks: Path, tmp_path: Path) -> Home:
    """An operator, in a folder that is empty."""
    (tmp_path / "here").mkdir()
    return Home(forks, tmp_path / "home", tmp_path / "here")


@contextlib.contextmanager
def in_use(database: Path) -> Iterator[None]:
    """Somebody else has it open, so no process that ends brings the write-ahead log into the file."""
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("SELECT count(*) FROM mappings").fetchall()
        yield


async def _mapped(home: Home) -> None:
    for name in NAMES:
        assert (await home.run("map", name, *SLACK)).code == 0


def _modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


async def test_what_is_not_in_the_file_yet_is_in_the_backup(home: Home, tmp_path: Path) -> None:
    assert (await home.run("list", *SLACK)).code == 0
    with in_use(home.data / "askrepo.db"):
        await _mapped(home)
        alone = tmp_path / "alone.db"
        subprocess.run(["cp", home.data / "askrepo.db", alone], check=True)  # we would drop our locks by reading it
        with contextlib.closing(sqlite3.connect(alone)) as copied:
            assert copied.execute("SELECT count(*) FROM mappings").fetchone() == (0,)
        done = await home.run("db", "backup", str(tmp_path / "deeper" / "backup"))
    folder = tmp_path / "deeper" / "backup"
    both = f"Copied into `{folder}/askrepo.db` and `{folder}/askrepo.keys`; whoever has both can read it all.\n"
    assert (done.code, done.out, done.err) == (0, both, "")
    assert _modes(folder) == {"askrepo.db": "0o600", "askrepo.keys": "0o600"}
    restored = Home(home.forks, tmp_path / "new", home.repository)
    restored.data.parent.mkdir(parents=True)
    folder.rename(restored.data)
    listed = await restored.run("list", *SLACK)
    assert (listed.code, [name for name in NAMES if name in listed.out]) == (0, [*NAMES])
    assert listed.out == (await home.run("list", *SLACK)).out


@pytest.mark.parametrize("there", ["askrepo.db", "askrepo.keys"])
async def test_nothing_is_overwritten_and_nothing_made_beside_it(home: Home, tmp_path: Path, there: str) -> None:
    await _mapped(home)
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / there).write_text("of last week")
    said = (await home.run("db", "backup", str(folder))).sentence
    assert said.startswith(f"Nothing was backed up: `{folder / there}` is there already")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {there: "of last week"}


async def test_keys_of_the_environment_are_not_written_down(home: Home, tmp_path: Path) -> None:
    key = new_key().text()
    assert (await home.run("list", *SLACK, ASKREPO_SECRET_KEYS=key)).code == 0
    done = await home.run("db", "backup", str(tmp_path / "backup"), ASKREPO_SECRET_KEYS=key)
    assert "keep `ASKREPO_SECRET_KEYS` apart" in done.out
    assert list(_modes(tmp_path / "backup")) == ["askrepo.db"]


async def test_what_cannot_be_backed_up_is_told(home: Home, tmp_path: Path) -> None:
    folder, key = tmp_path / "backup", new_key().text()
    assert "askrepo.keys` cannot be used: no such file" in (await home.run("db", "backup", str(folder))).sentence
    away = (await home.run("db", "backup", str(folder), ASKREPO_SECRET_KEYS=key)).sentence
    assert "could not be copied" in away
    postgres = "postgresql://me:canary-1@db.example.com/askrepo"
    told = (await home.run("db", "backup", str(folder), DATABASE_URL=postgres)).sentence
    assert "`pg_dump`" in told
    assert "`ASKREPO_SECRET_KEYS`" in told
    assert list(folder.iterdir()) == []
    assert not home.data.exists()
