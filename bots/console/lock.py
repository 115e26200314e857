"""One console for each conversation: locks that the system takes back when their holder dies, however it dies."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from core.conversation.values import ThreadRef

_OCTETS = 2**40  # of the lock file, one to lock for each thread; none of them is ever written


class ThreadLocks:
    """The exclusive rights to threads that this process holds, until the context is left or the process ends.

    All are octets of one file that stays: a file for each thread would have to be removed, and its removal races with
    the next process to come. The file is opened once, because closing it anywhere gives up all its locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(self._folder / "console.lock", flags, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)

    def take(self, thread: ThreadRef) -> bool:
        """Take the right to a thread; False, at once, if another process has it."""
        try:
            _lock(self._file, _octet(thread))
        except (BlockingIOError, PermissionError):
            return False
        return True

    def release(self, thread: ThreadRef) -> None:
        """Give up the right to a thread."""
        _unlock(self._file, _octet(thread))

    def free(self, thread: ThreadRef) -> bool:
        """Whether no other process has the right to a thread that this one does not have either."""
        taken = self.take(thread)
        if taken:
            self.release(thread)
        return taken


def _octet(thread: ThreadRef) -> int:
    channel = thread.channel
    name = "\0".join((channel.platform, channel.workspace_id, channel.channel_id, thread.thread_id))
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") % _OCTETS


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, at: int) -> None:
        os.lseek(file, at, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int, at: int) -> None:
        os.lseek(file, at, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int, at: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)

    def _unlock(file: int, at: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, at)
