"""The git command, run so that nothing a repository contains or configures can act."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Timer

from core import settings
from core.errors import AskrepoError

LOCAL_SECONDS = 20.0  # no local read takes as long; a dead network drive does

_READ_OCTETS = 1 << 20  # at a time

_HARMLESS = (
    "-c", "core.fsmonitor=false",
    "-c", f"core.hooksPath={os.devnull}",
    "-c", "core.askPass=",
    "-c", "credential.helper=",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "protocol.allow=never",
)  # fmt: skip
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GCM_INTERACTIVE": "never",
    "LC_ALL": "C",
    # A repository may name a remote for the objects it lacks, and its own protocol.….allow outranks ours above.
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
}
_KEPT = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")  # a company's own certificate authority
_OURS = settings.names() | {"PGPASSWORD"}  # tokens, keys and passwords among them, which are none of git's business


class Cause(StrEnum):
    """Why git gave up, as far as its words tell."""

    FOREIGN = "it belongs to another user, and git refuses to read it"
    NO_REPOSITORY = "it is not inside a git repository"
    EMPTY = "it has no commit yet"
    NOT_FOUND = "it was not found, or is not public"
    MOVED = "its host sends whoever asks for it elsewhere"
    AWAY = "its host could not be reached"
    OTHER = "git could not read it"


class GitMissing(AskrepoError):
    """The git command is not installed on this machine."""


class GitFailed(AskrepoError):
    """A git command ended with an error or took too long. `cause` is never its raw output."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class OverLimit(AskrepoError):
    """A git command was stopped because it exceeded a limit."""


_UNKNOWN = (
    r"repository '.*' not found|repository not found|could not read (?:username|password)|authentication failed"
    r"|requested URL returned error: 4(?!08|29)\d\d|does not appear to be a git repository"
    r"|support for password authentication|not valid: is this a git repository"
)
_AWAY = (
    r"could not resolve|failed to connect|couldn't connect|timed out|connection (?:was )?(?:reset|refused)"
    r"|network is unreachable|unable to access|early EOF|hung up|RPC failed|SSL|certificate"
)
_SIGNS = (
    (Cause.FOREIGN, r"dubious ownership|is owned by someone else"),
    (Cause.EMPTY, r"couldn't find remote ref HEAD|Needed a single revision|unknown revision"),
    (Cause.NOT_FOUND, _UNKNOWN),
    (Cause.MOVED, r"requested URL returned error: 30\d"),
    (Cause.AWAY, _AWAY),
    (Cause.NO_REPOSITORY, r"not a git repository|must be run in a work tree|cannot change to"),
)


def explain(said: str) -> Cause:
    """Why git gave up, from what it said on standard error in the C locale."""
    return next((cause for cause, sign in _SIGNS if re.search(sign, said, re.IGNORECASE)), Cause.OTHER)


def command(arguments: Sequence[str], *, folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The whole command line for git in `folder`. Raises GitMissing."""
    program = shutil.which("git")
    if program is None:
        raise GitMissing("git is not installed")
    return [program, *_HARMLESS, *options, "-C", str(folder), *arguments]


def environment() -> dict[str, str]:
    """What git inherits: no setting of ours, and nothing that leads it elsewhere, asks, writes, or speaks otherwise."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("GIT_") or name in _KEPT) and name.upper() not in _OURS
    }
    kept.pop("SSH_ASKPASS", None)
    return kept | _FIXED


def run(arguments: Sequence[str], *, folder: Path) -> bytes:
    """What the command printed. Blocking, at most LOCAL_SECONDS. Raises GitMissing or GitFailed."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every argument is ours or stands behind `--`
            command(arguments, folder=folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
            timeout=LOCAL_SECONDS,
            start_new_session=True,  # Ctrl-C in the console is not meant for git
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GitFailed(Cause.OTHER) from None
    if done.returncode != 0:
        raise GitFailed(explain(done.stderr.decode(errors="replace")))
    return done.stdout


def line(arguments: Sequence[str], *, folder: Path) -> str:
    """What `run` printed, as one text without its last line end."""
    return os.fsdecode(run(arguments, folder=folder)).removesuffix("\n")


def records(arguments: Sequence[str], *, folder: Path, most: int) -> Iterator[bytes]:
    """What the command prints, cut at each NUL, as it comes. Blocking, at most LOCAL_SECONDS.

    Raises GitMissing, GitFailed, and OverLimit as soon as more than `most` octets have come.
    """
    with conversation(arguments, folder=folder, seconds=LOCAL_SECONDS) as process:
        if process.stdout is None:
            raise TypeError("the process has no pipes")
        begun = b""
        while octets := process.stdout.read(_READ_OCTETS):
            most -= len(octets)
            if most < 0:
                raise OverLimit("too much to read")
            *whole, begun = (begun + octets).split(b"\0")
            yield from whole
        if process.wait() != 0:
            raise GitFailed(Cause.OTHER)


@contextmanager
def conversation(arguments: Sequence[str], *, folder: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """A git process with open pipes, killed when the block is left or `seconds` have passed. Raises GitMissing."""
    process = subprocess.Popen(  # noqa: S603 - see `run`
        command(arguments, folder=folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    timer = Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        timer.cancel()
