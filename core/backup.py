"""A copy of a SQLite database and of its key file, whole also while others write to it.

The file alone would lack what still stands in the write-ahead log beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from core.database_url import sqlite_file
from core.errors import BackupError
from core.keyfile import key_file
from core.settings import Settings

_NAME = "askrepo.db"


def into(folder: Path, settings: Settings) -> tuple[Path, ...]:
    """Copy the database into `folder`, and its key file unless keys are given; the files that were made.

    All of them or none, their owner's alone, and never over existing ones. Raises SettingsError, BackupError, OSError.
    """
    database = sqlite_file(settings.database_address())
    if database is None:
        raise BackupError("a PostgreSQL database has `pg_dump` for that; keep `ASKREPO_SECRET_KEYS` apart from it")
    copy = folder / _NAME
    contents = {key_file(copy): key_file(database).read_bytes()} if settings.secret_keys is None else {}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as undoing:
        for path in (copy, *contents):
            _reserve(path)
            undoing.callback(path.unlink)
        _copy(database, copy)
        for path, content in contents.items():
            path.write_bytes(content)
        undoing.pop_all()
    return (copy, *contents)


def _reserve(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupError(f"`{path}` is there already, and nothing is overwritten; name another folder") from None


def _copy(database: Path, copy: Path) -> None:
    """In one step, that is one snapshot: a copy in several begins anew with each write of others."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise BackupError(f"`{database}` could not be copied into `{copy}`: {str(error).lower()}") from None
