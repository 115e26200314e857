"""Which repositories the embedded /chat answers about, and where each one lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from core.errors import NoGit, RepositoryPathError, UnknownRepository
from core.localchat import clones, git, names, places
from core.localchat.hosts import Hosts
from core.localchat.places import Place
from core.localchat.threads import Threads

_THREADS = 4
_NONE: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository by the name it was asked for, and its place at the commit to answer from."""

    name: str
    place: Place


class Repositories:
    """Working copies registered here, and public repositories cloned into `cache` where `clone` and `hosts` allow it.

    `local` maps names to folders, which are looked at when first asked for; RepositoryNameError for a malformed name.
    `clone_url` and `protocols` exist for tests, which have no https server.
    """

    def __init__(
        self,
        cache: Path,
        local: Mapping[str, Path] = _NONE,
        *,
        clone: bool = True,
        hosts: Hosts | None = None,
        clone_url: Callable[[str], str] = clones.https,
        protocols: frozenset[str] = frozenset({"https"}),
    ) -> None:
        self._local = {names.check(name): path for name, path in local.items()}
        self._own: set[Path] = set()  # the folders that were found to be a repository's own
        self._threads = Threads(_THREADS)
        self._clones = (
            clones.Clones(cache / "clones", self._threads, url=clone_url, protocols=protocols, hosts=hosts)
            if clone
            else None
        )

    def add(self, path: Path) -> str:
        """Registers the repository around `path` and returns its canonical name; the same one each time.

        Raises RepositoryPathError. Blocking, some milliseconds.
        """
        try:
            folder = places.locate(path).folder
            self._own.add(folder)
            known = next((name for name, other in self._local.items() if other == folder), None)
            if known is not None:
                return known
            name = self._free(places.origin(folder), folder)
        except git.GitMissing:
            raise RepositoryPathError(str(path), "cannot be read: git is not installed on this machine") from None
        self._local[name] = folder
        return name

    def folder(self, name: str) -> Path:
        """Where a registered repository lies: all of the one around the path that was given."""
        return self._local[name]

    def also(self, name: str, folder: Path) -> None:
        """Answers from a registered folder under another name as well: one that it had before."""
        self._local.setdefault(names.check(name), folder)

    def _free(self, origin: str | None, folder: Path) -> str:
        """The origin's name, or a local one: a second copy of a repository must not answer under the first's name."""
        if origin is not None and origin not in self._local:
            return origin
        wanted = names.of_folder(folder)
        name, number = wanted, 1
        while name in self._local:
            number += 1
            name = f"{wanted}-{number}"
        return name

    async def checkout(self, name: str) -> Checkout:
        """Where the repository lies now, and at which commit.

        Raises RepositoryNameError (malformed), UnknownRepository and its subclass EmptyRepository,
        RepositoryTooLarge, RepositoryPathError (a registered folder became unusable), RepositoryAway,
        RepositoryUnreadable, NoGit, CacheUnusable.
        """
        name = names.check(name)
        folder = self._local.get(name) or self._spelt_otherwise(name)
        if folder is not None:
            look = places.revisit if folder in self._own else places.locate
            try:
                return Checkout(name, await self._threads.run(look, folder))
            except git.GitMissing:
                raise NoGit("git is not installed where the embedded /chat runs") from None
        if self._clones is None or name.startswith(f"{names.LOCAL}/"):
            raise UnknownRepository(f"{name} is not registered here")
        folder, commit = await self._clones.current(name)
        return Checkout(name, Place(folder, commit, bare=True))

    async def close(self) -> None:
        """Ends the clones under way. Nothing can be checked out any more."""
        if self._clones is not None:
            await self._clones.close()
        await self._threads.close()

    def _spelt_otherwise(self, name: str) -> Path | None:
        """Hosts ignore case in names, so a registered copy must not be cloned again for it."""
        return next((folder for known, folder in self._local.items() if known.lower() == name.lower()), None)
