"""The key ring of this installation: from ASKREPO_SECRET_KEYS, or from a file beside the SQLite database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import ColumnElement, LargeBinary, func, select
from sqlalchemy.orm import InstrumentedAttribute

from core import logs, once
from core.cipher import HEAD_OCTETS, Cell, Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import KeyringError, UnknownKey
from core.secret import Secret
from core.tables import TokenRow, WorkspaceRow
from core.workspaces import data_key_cell

_OTHERS = 0o077

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored value that the key ring must open, and the first bytes of all stored data keys and tokens."""

    sealed: bytes = field(repr=False)
    cell: Cell
    data_keys: tuple[bytes, ...]
    tokens: tuple[bytes, ...]


async def keyring(database: Database, given: Secret | None) -> Keyring:
    """The key ring, proven on what is stored. Raises KeyringError, and Tampered for a damaged data key.

    A token sealed under a lost key blocks only the questions that need it: it is logged, and can be replaced.
    Without ASKREPO_SECRET_KEYS, SQLite's first run makes a key; PostgreSQL, shared by machines, has to be given one.
    """
    stored = await sample(database)
    ring = present(given, database.file, stored)
    if ring is None and database.file is not None:
        _create(key_file(database.file))
        ring = present(given, database.file, stored)
    if ring is None:
        raise KeyringError("the file with the key that was made a moment ago is gone")
    for key_id in lost(ring, stored):
        log.warning("tokens are stored under a key that is not in the ring", key=key_id)
    return ring


def lost(ring: Keyring, stored: Sample | None) -> tuple[str, ...]:
    """The ids of the keys that stored tokens need and the ring does not hold."""
    return tuple(sorted(filter(None, map(ring.lacks, stored.tokens)))) if stored is not None else ()


async def sample(database: Database) -> Sample | None:
    """One of the data keys that are stored, if there are any, and under which keys they and the tokens are sealed."""
    one = select(WorkspaceRow.platform, WorkspaceRow.workspace_id, WorkspaceRow.data_key).limit(1)
    data_keys, tokens = (select(_head(each)).distinct() for each in (WorkspaceRow.data_key, TokenRow.sealed))
    async with database.reading() as connection:
        row = (await connection.execute(one)).one_or_none()
        if row is None:
            return None
        cell = data_key_cell(WorkspaceRef(row.platform, row.workspace_id))
        heads = [tuple((await connection.execute(each)).scalars()) for each in (data_keys, tokens)]
        return Sample(row.data_key, cell, *heads)


def _head(sealed: InstrumentedAttribute[bytes]) -> ColumnElement[bytes]:
    return func.substr(sealed, 1, HEAD_OCTETS, type_=LargeBinary())


def key_file(file: Path) -> Path:
    """Where the keys of a SQLite database lie, unless they are given."""
    return file.with_suffix(".keys")


def present(given: Secret | None, file: Path | None, stored: Sample | None) -> Keyring | None:
    """The key ring as it is given or lies beside SQLite's `file`, proven on what is stored; None before it is made.

    Nothing is changed. Raises KeyringError and Tampered.
    """
    ring: Keyring | None
    if given is not None:
        ring = _parsed(given.reveal(), "ASKREPO_SECRET_KEYS")
    elif file is None:
        raise KeyringError("a PostgreSQL database needs ASKREPO_SECRET_KEYS; `askrepo keys new` prints a key for it")
    else:
        ring = _read(key_file(file), needed=stored is not None)
    if ring is not None and stored is not None:
        try:
            ring.open(stored.sealed, stored.cell)
            unknown = next(filter(None, map(ring.lacks, stored.data_keys)), None)
        except UnknownKey as error:
            unknown = error.key_id
        if unknown is not None:
            raise KeyringError(f"what is stored was encrypted under key {unknown}, which it does not hold")
    return ring


def _read(path: Path, *, needed: bool) -> Keyring | None:
    with _translated(path):
        if not needed and not path.exists():
            return None
        if path.stat().st_mode & _OTHERS:
            raise KeyringError(f"{path} can be read by other users; run: chmod 600 {path}")
        return _parsed(path.read_text("ascii", errors="replace"), str(path))


def _parsed(text: str, where: str) -> Keyring:
    try:
        return Keyring.parse(text)
    except KeyringError as error:
        raise KeyringError(f"{where}: {error.problem}") from None


def _create(path: Path) -> None:
    with _translated(path):
        once.make(path, new_key().text() + "\n")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        problem = f"{path} is missing, and what is stored cannot be read without it; restore it from a backup"
        raise KeyringError(problem) from None
    except OSError as error:
        raise KeyringError(f"{path} cannot be used: {(error.strerror or 'unknown reason').lower()}") from None
