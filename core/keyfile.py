"""The key ring of this installation: from ASKREPO_SECRET_KEYS, or from a file beside the SQLite database."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from sqlalchemy import select

from core.cipher import Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import KeyringError, UnknownKey
from core.secret import Secret
from core.tables import WorkspaceRow
from core.workspaces import data_key_cell

_OTHERS = 0o077


async def keyring(database: Database, given: Secret | None) -> Keyring:
    """The key ring, proven on what is stored. Raises KeyringError, and Tampered for a damaged data key.

    Without ASKREPO_SECRET_KEYS, SQLite's first run makes a key; PostgreSQL, shared by machines, has to be given one.
    """
    async with database.reading() as connection:
        stored = (
            await connection.execute(
                select(WorkspaceRow.platform, WorkspaceRow.workspace_id, WorkspaceRow.data_key).limit(1)
            )
        ).one_or_none()
    if given is not None:
        ring = Keyring.parse(given.reveal())
    elif database.file is None:
        raise KeyringError("a PostgreSQL database needs ASKREPO_SECRET_KEYS; `askrepo keys new` prints a key for it")
    else:
        ring = _from_file(database.file.with_suffix(".keys"), may_create=stored is None)
    if stored is not None:
        try:
            ring.open(stored.data_key, data_key_cell(WorkspaceRef(stored.platform, stored.workspace_id)))
        except UnknownKey as error:
            problem = f"what is stored was encrypted under key {error.key_id}, which it does not hold"
            raise KeyringError(problem) from None
    return ring


def _from_file(path: Path, *, may_create: bool) -> Keyring:
    problem = ""
    try:
        if not path.exists() and may_create:
            _create(path)
        if path.stat().st_mode & _OTHERS:
            problem = f"{path} can be read by other users; run: chmod 600 {path}"
        else:
            return Keyring.parse(path.read_text("ascii", errors="replace"))
    except FileNotFoundError:
        problem = f"{path} is missing, and what is stored cannot be read without it; restore it from a backup"
    except OSError as error:
        problem = f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}"
    raise KeyringError(problem)


def _create(path: Path) -> None:
    """Whole or not at all, and never over an existing one: of two first runs, one makes the key."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, encoding="ascii") as file:  # mode 0600
        file.write(new_key().text() + "\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
