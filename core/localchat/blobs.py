"""The text of a repository's files, and why a file has none."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from core.localchat import git
from core.localchat.listing import LARGEST_OCTETS, Entry, Listing, Skip, inside

_READ_SECONDS = 600.0  # for all blobs of a repository; what hangs is killed
_BINARY_LOOK = 8_000  # octets, as git itself looks
_LONG_LINES = 400  # characters a line on average: nobody wrote that by hand
_SIGNED = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Text:
    """A file as read: its lines are what an editor shows. `changed`: not what git last knew for it."""

    entry: Entry
    lines: list[str]
    changed: bool


def texts(listing: Listing, entries: list[Entry]) -> Iterator[Text | tuple[Entry, Skip]]:
    """Each of `entries` as text, or why not. Raises git.GitMissing or git.GitFailed."""
    octets = _from_git(listing, entries) if listing.place.bare else _from_disk(listing, entries)
    for entry, content in octets:
        if content is None:
            yield entry, Skip.GONE
            continue
        lines = decode(content)
        changed = not listing.place.bare and not unchanged(content, entry.blob)
        yield Text(entry, lines, changed) if isinstance(lines, list) else (entry, lines)


def decode(content: bytes) -> list[str] | Skip:
    """The lines of a file without their ends, or why it is no text for us.

    Lines end as editors and Python see it: by LF, CRLF or CR. What is no UTF-8 is read as Windows-1252.
    """
    encoding = next((name for mark, name in _SIGNED if content.startswith(mark)), None)
    if encoding in {None, "utf-8-sig"} and b"\0" in content[:_BINARY_LOOK]:
        return Skip.BINARY
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding == "utf-16":
            return Skip.BINARY
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        return Skip.BINARY
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(text) > _LONG_LINES * 4 and len(text) > _LONG_LINES * len(lines):
        return Skip.MINIFIED
    return lines


def unchanged(content: bytes, blob: str) -> bool:
    """Whether the content on disk is git's object, as it is or before its line ends were converted on checkout."""
    return any(_object_id(octets, blob) == blob for octets in (content, content.replace(b"\r\n", b"\n")))


def _object_id(content: bytes, like: str) -> str:
    digest = hashlib.sha1 if len(like) == hashlib.sha1(usedforsecurity=False).digest_size * 2 else hashlib.sha256
    return digest(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _from_git(listing: Listing, entries: list[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    with git.conversation(["cat-file", "--batch"], folder=listing.place.folder, seconds=_READ_SECONDS) as process:
        for entry in entries:
            yield entry, _object(process, entry.blob)


def _object(process: Popen[bytes], blob: str) -> bytes | None:
    """One question, one reply: git flushes after each, so neither pipe can fill while the other waits."""
    if process.stdin is None or process.stdout is None:
        raise TypeError("the process has no pipes")
    try:
        process.stdin.write(f"{blob}\n".encode("ascii"))
        process.stdin.flush()
    except BrokenPipeError:
        raise git.GitFailed(git.Cause.OTHER) from None
    header = process.stdout.readline().split()
    if len(header) == 2 and header[1] == b"missing":  # `<id> missing`
        return None
    if len(header) != 3:  # else `<id> <type> <size>`
        raise git.GitFailed(git.Cause.OTHER)
    size = int(header[2])
    content = process.stdout.read(size + 1)
    if len(content) != size + 1:
        raise git.GitFailed(git.Cause.OTHER)
    return content[:size]


def _from_disk(listing: Listing, entries: list[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    top = listing.place.folder
    within = {parent: inside(top, parent) for parent in {_parent(entry) for entry in entries}}
    for entry in entries:
        yield entry, _file(top, entry.path) if within[_parent(entry)] else None


def _parent(entry: Entry) -> str:
    return entry.path.rpartition("/")[0]


def _file(top: Path, path: str) -> bytes | None:
    """The file, unless it became a link, a pipe or too large since it was listed."""
    try:
        handle = os.open(top / path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with open(handle, "rb") as file:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        content = file.read(LARGEST_OCTETS + 1)
    return content if len(content) <= LARGEST_OCTETS else None
