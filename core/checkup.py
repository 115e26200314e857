"""What can be said of an installation by looking at it alone: nothing is migrated, made, written or sent from here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from core import configured, keyfile, schema
from core.chat.check import check, reached
from core.chat.client import ChatClient
from core.database import Database
from core.database_url import sqlite_file
from core.errors import ChatError, DatabaseError, DatabaseUnreadable
from core.keyfile import Sample
from core.localchat import git
from core.schema import State
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Stored:
    """The database: named without user name and password, and how far its schema is."""

    where: str
    state: State


@dataclass(frozen=True, slots=True)
class Keys:
    """The key ring. `made`: it is there already. `tried`: on what is stored, or nothing is stored that needs it.

    `lost`: the ids of keys that it does not hold, and stored tokens need.
    """

    where: str
    made: bool
    tried: bool
    lost: tuple[str, ...]


async def database(settings: Settings) -> Stored:
    """The database; a SQLite file that the first run will make is EMPTY. Raises SettingsError and DatabaseError."""
    async with _looked_into(settings) as found:
        if found is not None:
            return Stored(found.where, await schema.state(found))
    file = Path(str(sqlite_file(settings.database_address())))
    if (hindrance := unwritable(file.parent)) is not None:
        raise DatabaseUnreadable(str(file), f"it cannot be made in {hindrance}")
    return Stored(str(file), State.EMPTY)


async def keys(settings: Settings) -> Keys:
    """The key ring, tried on what is stored if that can be read. Raises SettingsError and CipherError."""
    stored: Sample | None = None
    tried = True
    try:
        async with _looked_into(settings) as found:
            if found is not None and await schema.state(found) is not State.EMPTY:
                stored = await keyfile.sample(found)
    except DatabaseError:
        tried = False
    file = sqlite_file(settings.database_address()) if settings.secret_keys is None else None
    ring = keyfile.present(settings.secret_keys, file, stored)
    where = "ASKREPO_SECRET_KEYS" if file is None else str(keyfile.key_file(file))
    return Keys(where, ring is not None, tried, () if ring is None else keyfile.lost(ring, stored))


async def service(settings: Settings, url: str, repository: str | None, *, seconds: float) -> ChatError | None:
    """What the /chat service at `url` has against answering about `repository` with ASKREPO_CHAT_TOKEN; None: nothing.

    Without a repository, only whether a connection to it stands. Raises SettingsError.
    """
    if repository is None:
        return await reached(url, seconds=seconds)
    client = ChatClient(configured.service(settings, url))
    try:
        return await check(client, repository, settings.chat_token, seconds=seconds)
    finally:
        await client.aclose()


def is_shared(settings: Settings) -> bool:
    """Whether processes on several machines may use the database. Raises SettingsError."""
    return sqlite_file(settings.database_address()) is None


def git_version() -> str:
    """The git that the embedded /chat would use. Blocking; raises GitMissing and GitFailed."""
    return git.line(["version"], folder=Path("/"))


def unwritable(path: Path) -> Path | None:
    """What keeps the folder `path` from being written to or made: itself, or what stands above it; None for nothing."""
    nearest = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    return None if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else nearest


@contextlib.asynccontextmanager
async def _looked_into(settings: Settings) -> AsyncIterator[Database | None]:
    """The database, to be read alone; None where SQLite's file is not there yet."""
    file = sqlite_file(settings.database_address())
    if file is not None and not file.exists():
        yield None
        return
    found = Database(settings.database_address(), read_only=True)
    try:
        yield found
    finally:
        await found.close()
