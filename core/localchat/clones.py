"""Bare clones of public repositories in the cache, one folder for each commit.

    <cache>/clones/github.com+owner+name/<commit>.git

A folder appears by one rename when it is whole, is never changed afterwards, and goes by one rename: readers need no
lock, and a process killed in the middle leaves only a folder called `.incoming-…` or `.outgoing-…`, which nobody reads
and a later clone sweeps away.
A clone goes on when its asker has gone: one may take longer than anybody waits, and whoever asks next joins it.
While it waits in line for its turn, or for a transfer that somebody left, what is there already answers.
Clones are anonymous. A chat bot's askers must not read what only the operator's stored credentials may read: whoever
wants a private repository answered registers a working copy of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import time
import uuid
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from pathlib import Path

from core import logs
from core.errors import (
    CacheUnusable,
    NoGit,
    RepositoryAway,
    RepositoryTooLarge,
    RepositoryUnreadable,
    ServiceUnavailable,
    UnknownRepository,
)
from core.localchat import git, transfer
from core.localchat.git import Cause
from core.localchat.hosts import Hosts
from core.localchat.shared import Shared
from core.localchat.threads import Threads
from core.localchat.turns import Turns

REF = "refs/heads/pinned"

_FRESH_SECONDS = 600.0  # how long a clone answers before its host is asked for a newer commit
_KEPT_COMMITS = 2  # the older one may still be being read
_KEPT_REPOSITORIES = 256
_KEPT_OCTETS = 8 << 30  # of all of them, and half of what the disk has for them at most
_AT_ONCE = 16  # refreshed or cloned; further ones wait, whether anybody still waits for them or not
_OF_ONE = 4  # of these, of one owner: they may be slow on purpose
_LINE_SECONDS = 1.0  # that somebody waits in line for a newer commit where there is a clone to answer from
_STALE_SECONDS = 86_400.0  # older than any transfer can be
_COMMIT_FOLDER = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\.git")

log = logs.get(__name__)


class EmptyRepository(UnknownRepository):
    """The repository exists and has no commit."""


def https(name: str) -> str:
    """Where a repository is cloned from."""
    return f"https://{name}"


class Clones:
    """Fetches repositories by name; `url` and `protocols` exist for tests, which have no https server."""

    def __init__(
        self,
        folder: Path,
        threads: Threads,
        *,
        url: Callable[[str], str] = https,
        protocols: frozenset[str] = frozenset({"https"}),
        hosts: Hosts | None = None,
        limits: transfer.Limits | None = None,
        fresh_seconds: float = _FRESH_SECONDS,
        octets: int = _KEPT_OCTETS,
    ) -> None:
        self._folder = folder
        self._url = url
        self._threads = threads
        self._transfer = transfer.Transfer(protocols, limits or transfer.Limits(), hosts or Hosts(), threads)
        self._fresh_seconds = fresh_seconds
        self._octets = octets
        self._running = Shared[tuple[Path, str]]()
        self._refreshing = Shared[Path]()
        self._turns = Turns(_AT_ONCE, of_one=_OF_ONE)
        self._too_large_until: dict[str, float] = {}  # told to later askers: the first may not have waited for it

    async def current(self, name: str) -> tuple[Path, str]:
        """The git folder and commit for a checked name, cloned or refreshed if need be.

        Raises UnknownRepository, EmptyRepository, RepositoryTooLarge, RepositoryAway, RepositoryUnreadable, NoGit, or
        CacheUnusable.
        """
        return await self._running.of(name, lambda: self._current(name))

    async def close(self) -> None:
        """Ends every clone under way, and leaves nothing of it."""
        for shared in (self._running, self._refreshing):
            shared.cancel()
            await shared.ended()

    async def _current(self, name: str) -> tuple[Path, str]:
        try:
            return await self._found(name)
        except OSError as error:
            raise CacheUnusable(f"{self._folder} cannot be used: {error.strerror}") from None

    async def _found(self, name: str) -> tuple[Path, str]:
        home = self._folder / name.replace("/", "+")
        have = await self._threads.run(_newest_whole, home)
        if have is not None and time.time() - _last_asked(have) < self._fresh_seconds:
            return have, have.stem
        if time.monotonic() < self._too_large_until.get(name, 0.0):
            raise RepositoryTooLarge(f"{name} is too large to be cloned")
        its_turn = asyncio.get_running_loop().create_future()
        refresh = self._refreshing.begun(name, lambda: self._in_turn(name, home, have, its_turn))
        if have is not None:
            done, _ = await asyncio.wait((refresh, its_turn), timeout=_LINE_SECONDS, return_when=FIRST_COMPLETED)
            if not done:
                return have, have.stem
        found = await asyncio.shield(refresh)
        return found, found.stem

    async def _in_turn(self, name: str, home: Path, have: Path | None, its_turn: asyncio.Future[None]) -> Path:
        """The newest clone, or the one there is where its host has trouble; `its_turn` is done when it is begun."""
        try:
            async with self._turns.of(name):
                its_turn.set_result(None)
                found = await self._refreshed(name, home, have)
        except (ServiceUnavailable, NoGit, OSError) as error:
            if have is None:
                raise
            log.warning("clone not refreshed", repository=name, reason=str(error))
            found = have
        with contextlib.suppress(OSError):  # where nothing can be written, its host is asked again the next time
            os.utime(found)
        return found

    async def _refreshed(self, name: str, home: Path, have: Path | None) -> Path:
        try:
            if have is not None and await self._transfer.head(self._url(name), folder=have) == have.stem:
                return have
            return await self._clone(name, home)
        except git.OverLimit:
            self._too_large_until[name] = time.monotonic() + self._fresh_seconds
            raise RepositoryTooLarge(f"{name} is too large to be cloned") from None
        except git.GitMissing:
            raise NoGit("git is not installed where the embedded /chat runs") from None
        except git.GitFailed as failure:
            if failure.cause is Cause.NOT_FOUND:
                raise UnknownRepository(f"{name}: {failure.cause}") from None
            if failure.cause is Cause.EMPTY:
                raise EmptyRepository(f"{name}: {failure.cause}") from None
            kind = RepositoryAway if failure.cause is Cause.AWAY else RepositoryUnreadable
            raise kind(f"{name} could not be cloned: {failure.cause}") from None

    async def _clone(self, name: str, home: Path) -> Path:
        await self._threads.run(_sweep, self._folder)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self._folder))
        try:
            await self._transfer.fetch(self._url(name), REF, folder=incoming)
            commit = await self._threads.run(git.line, ["rev-parse", "--verify", f"{REF}^{{commit}}"], folder=incoming)
            whole = home / f"{commit}.git"
            await self._threads.run(_install, incoming, whole)
        finally:
            await self._threads.run(shutil.rmtree, incoming, ignore_errors=True)
        await self._threads.run(_prune, self._folder, whole, self._octets)
        log.info("repository cloned", repository=name, commit=commit)
        return whole


def _commits(home: Path) -> list[Path]:
    """The clones of one repository, newest first."""
    found = [path for path in home.iterdir() if _COMMIT_FOLDER.fullmatch(path.name)] if home.is_dir() else []
    return sorted(found, key=_last_asked, reverse=True)


def _last_asked(clone: Path) -> float:
    """When its host last said that it is the newest commit; at no time where that is yet to come by this clock.

    After a clock was set back, it would else be the newest one, and fresh, until then.
    """
    asked = clone.stat().st_mtime
    return asked if asked <= time.time() else 0.0


def _newest_whole(home: Path) -> Path | None:
    """The clone to answer from. One that was damaged is passed over: it would fail each question until a newer commit.

    Blocking, a few milliseconds.
    """
    return next((clone for clone in _commits(home) if _is_whole(clone)), None)


def _is_whole(clone: Path) -> bool:
    """Whether git finds the commit and its tree, which are in the one pack that a clone has."""
    try:
        git.run(["cat-file", "-e", f"{clone.stem}^{{tree}}"], folder=clone)
    except git.GitFailed:
        return False
    except git.GitMissing:
        return True  # nobody can tell, and whoever wants to read it is told why
    return True


def _install(incoming: Path, whole: Path) -> None:
    whole.parent.mkdir(exist_ok=True)
    if whole.exists() and not _is_whole(whole):
        _remove(whole, incoming.parent)
    if not whole.exists():  # else another process was faster
        incoming.rename(whole)


def _prune(folder: Path, whole: Path, octets: int) -> None:
    """Removes what was used longest ago, and never `whole`, whatever the clocks of its disk and of this machine say."""
    for path in [path for path in _commits(whole.parent) if path != whole][_KEPT_COMMITS - 1 :]:
        _remove(path, folder)
    homes = [path for path in folder.iterdir() if path != whole.parent and not path.name.startswith(".")]
    homes = [whole.parent, *sorted(homes, key=_last_use, reverse=True)]
    sizes = [transfer.size(home) for home in homes]
    room = min(octets, (sum(sizes) + shutil.disk_usage(folder).free) // 2)
    for number, home in enumerate(homes):
        room -= sizes[number]
        if number > 0 and (number >= _KEPT_REPOSITORIES or room < 0):
            _remove(home, folder)


def _remove(path: Path, folder: Path) -> None:
    """Takes it away whole first: what a process killed in the middle leaves of it would else pass for a clone."""
    outgoing = folder / f".outgoing-{uuid.uuid4().hex}"
    with contextlib.suppress(OSError):  # another process may be faster
        path.rename(outgoing)
    shutil.rmtree(outgoing, ignore_errors=True)


def _last_use(home: Path) -> float:
    return max(map(_last_asked, _commits(home)), default=0.0)


def _sweep(folder: Path) -> None:
    """Removes what killed processes left, and nothing another process may still be filling."""
    for path in folder.glob(".incoming-*"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".outgoing-*"):
        shutil.rmtree(path, ignore_errors=True)
