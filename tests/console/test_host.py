"""What was asked and mapped on a machine is found there again, though the machine has another name by then."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from bots.console.host import machine
from tests.console.processes import Home


def test_a_machine_keeps_the_name_of_its_first_console(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "askrepo"
    assert [machine(folder, name) for name in ("laptop", "desk", "laptop.local")] == ["laptop"] * 3
    assert folder.stat().st_mode & 0o777 == 0o700


def test_of_first_consoles_at_once_one_gives_the_name(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def begin(number: int) -> str:
        together.wait()
        return machine(tmp_path, f"name-{number}")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(begin, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["console.host"]


def test_where_nothing_can_be_kept_it_is_the_name_of_now(tmp_path: Path) -> None:
    no_folder = tmp_path / "a file"
    no_folder.write_text("")
    assert machine(no_folder, "laptop") == "laptop"


async def test_a_console_and_the_commands_go_by_that_name(home: Home) -> None:
    home.data.mkdir(parents=True)
    (home.data / "console.host").write_text("as-it-was-called\n")
    assert (await home.run("console", "--ask", "where is make_widget defined?")).code == 0
    assert (await home.run("map", "acme/gadgets")).code == 0
    with closing(sqlite3.connect(home.data / "askrepo.db")) as connection:
        used = connection.execute("SELECT workspace_id FROM turns UNION SELECT workspace_id FROM mappings").fetchall()
    assert [workspace.partition("@")[2] for (workspace,) in used] == ["as-it-was-called"]
