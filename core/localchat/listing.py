"""Which files of a repository are read: the tracked ones, as they are on disk, or in the commit where it is bare.

A working copy is answered from its working tree, never from the commit: citations are looked up in an editor, and
line-end conversion, filters and half-done work all make the two differ. Untracked files are left out. `state` changes
whenever an answer could.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.localchat import git, languages
from core.localchat.places import Place

MOST_FILES = 20_000
MOST_OCTETS = 64 << 20  # of all files together
LARGEST_OCTETS = 1 << 20  # of one file
MOST_LISTED_OCTETS = 32 << 20  # of git's list of a commit's files: of some 300,000; a small commit can hold without end


class Skip(StrEnum):
    """Why a tracked file is not read."""

    BINARY = "binary"
    LARGE = "over 1 MB"
    LOCK = "lock file"
    MINIFIED = "minified or generated"
    DRAWING = "drawing"
    LINK = "symbolic link"
    SUBMODULE = "submodule"
    NAME = "unprintable name"
    GONE = "missing or unreadable on disk"
    CAP = "beyond the limit of what is indexed"


BY_LIMIT = frozenset({Skip.LARGE, Skip.CAP})  # what is left out for its size, whatever it says


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to read. `stamp` changes with its content; `blob` is the object id git last knew for it."""

    path: str
    blob: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one repository in one state."""

    place: Place
    state: str
    entries: tuple[Entry, ...]
    skipped: tuple[tuple[str, Skip], ...]


_LOCKS = re.compile(
    r"package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|bun\.lockb|go(?:\.work)?\.sum|packages\.lock\.json"
    r"|(?:cartfile|package)\.resolved|gradle\.lockfile|.*\.lock"
)
_MINIFIED = re.compile(r"(?i)[.-]min\.(?:js|css|mjs)$|\.(?:map|bundle\.js|chunk\.js)$")
_DRAWING = ".svg"  # text to git, and coordinates to whoever asks
_LINK, _SUBMODULE, _SPARSE = "120000", "160000", "S"


def of(place: Place) -> Listing:
    """What is to be read. Blocking, some milliseconds for a thousand files.

    Raises git.GitMissing, git.GitFailed, and git.OverLimit where a commit holds more files than are looked at.
    """
    found = list(_committed(place) if place.bare else _on_disk(place))
    kept, cut = within_limits([entry for entry in found if isinstance(entry, Entry)])
    skipped = [item for item in found if not isinstance(item, Entry)]
    skipped += [(entry.path, Skip.CAP) for entry in cut]
    state = place.commit if place.bare else _digest(place.commit, kept, skipped)
    return Listing(place, state, tuple(kept), tuple(skipped))


def refused(path: str, mode: str) -> Skip | None:
    """Why a file is not read, as far as its name and mode tell."""
    if mode == _LINK:
        return Skip.LINK
    if mode == _SUBMODULE:
        return Skip.SUBMODULE
    if not path.isprintable():
        return Skip.NAME  # also names that are no UTF-8: they cannot be cited so that anybody finds them
    name = path.rpartition("/")[2].lower()
    if _LOCKS.fullmatch(name):
        return Skip.LOCK
    if name.endswith(_DRAWING):
        return Skip.DRAWING
    return Skip.MINIFIED if _MINIFIED.search(name) else None


def shown(path: str) -> str:
    """A path as it can be printed and stored; only unprintable characters are replaced by escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in path)


def _committed(place: Place) -> Iterator[Entry | tuple[str, Skip]]:
    wanted = ["ls-tree", "-r", "-z", "--long", "--full-tree", place.commit]
    for record in git.records(wanted, folder=place.folder, most=MOST_LISTED_OCTETS):
        about, _, path = os.fsdecode(record).partition("\t")
        mode, _, blob, size = about.split()
        why = refused(path, mode)
        if why is not None:
            yield shown(path), why
        elif not size.isdecimal():
            yield path, Skip.GONE  # git says BAD: the repository lacks this object
        elif int(size) > LARGEST_OCTETS:
            yield path, Skip.LARGE
        else:
            yield Entry(path, blob, int(size), blob)


def _on_disk(place: Place) -> Iterator[Entry | tuple[str, Skip]]:
    top = str(place.folder)
    real: dict[str, bool] = {}
    seen: set[str] = set()
    listed = git.run(["ls-files", "-s", "-t", "-z", "--full-name"], folder=place.folder)
    for record in listed.split(b"\0")[:-1]:
        about, _, path = os.fsdecode(record).partition("\t")
        tag, mode, blob, _ = about.split()
        if tag == _SPARSE or path in seen:
            continue  # not checked out on purpose; or unmerged, and then listed once for each side
        seen.add(path)
        why = refused(path, mode)
        yield (shown(path), why) if why is not None else _entry(top, path, blob, real)


def _entry(top: str, path: str, blob: str, real: dict[str, bool]) -> Entry | tuple[str, Skip]:
    parent = path.rpartition("/")[0]
    if parent not in real:
        real[parent] = inside(Path(top), parent)
    try:
        found = os.lstat(f"{top}/{path}")
    except OSError:
        return path, Skip.GONE
    if not real[parent] or stat.S_ISLNK(found.st_mode):
        return path, Skip.LINK
    if not stat.S_ISREG(found.st_mode):
        return path, Skip.GONE
    if found.st_size > LARGEST_OCTETS:
        return path, Skip.LARGE
    stamp = f"{blob}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"
    return Entry(path, blob, found.st_size, stamp)


def inside(top: Path, folder: str) -> bool:
    """Whether a folder of the tree is reached without a symbolic link, and so lies in the tree."""
    return os.path.realpath(top / folder) == str(Path(os.path.realpath(top), *folder.split("/")))


def staged(place: Place) -> bool:
    """Whether git's index is not what HEAD holds.

    Only these two are compared: comparing the working tree would run filters that the repository configures.
    """
    return not place.bare and bool(
        git.run(["diff-index", "--cached", "--name-only", "HEAD", "--"], folder=place.folder)
    )


def within_limits(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What is read, and what is cut: of too much, code stays before tests before prose."""
    if len(entries) <= MOST_FILES and sum(entry.size for entry in entries) <= MOST_OCTETS:
        return entries, []
    kinds = list(languages.Kind)
    kept: list[Entry] = []
    cut: list[Entry] = []
    octets = 0
    for entry in sorted(entries, key=lambda entry: kinds.index(languages.kind(entry.path))):
        fits = len(kept) < MOST_FILES and octets + entry.size <= MOST_OCTETS
        (kept if fits else cut).append(entry)
        octets += entry.size if fits else 0
    return kept, cut


def _digest(commit: str, entries: list[Entry], skipped: list[tuple[str, Skip]]) -> str:
    digest = hashlib.sha256(commit.encode())
    for entry in entries:
        digest.update(f"{entry.path}\0{entry.stamp}\0".encode())
    for path, why in skipped:
        digest.update(f"{path}\0{why}\0".encode())
    return digest.hexdigest()
