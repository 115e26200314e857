"""One git transfer over the network: anonymous, bounded in time and size, and gone when it is cancelled."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.localchat import git
from core.localchat.threads import Threads

_WATCH_SECONDS = 0.25
_KEPT_OCTETS = 16_384  # of what git or the remote says; the rest is read and dropped

_OPTIONS = (
    "-c", "fetch.unpackLimit=1",  # one pack instead of thousands of files, so that its size is quickly seen
    "-c", "http.lowSpeedLimit=1000",
    "-c", "http.lowSpeedTime=30",
    "-c", "submodule.recurse=false",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one clone may cost: seconds, and octets on disk."""

    seconds: float = 300.0
    octets: int = 1 << 30


class Transfer:
    """Runs git against a remote over the given protocols only, redirects included."""

    def __init__(self, protocols: frozenset[str], limits: Limits, threads: Threads) -> None:
        self._protocols = protocols
        self._limits = limits
        self._threads = threads

    async def head(self, url: str, *, folder: Path) -> str | None:
        """The remote's HEAD commit, None if it has none; asked from the bare repository `folder`.

        Raises GitMissing, GitFailed, OverLimit.
        """
        listed = await self._run(["ls-remote", "--quiet", "--", url, "HEAD"], folder=folder)
        return listed.split(b"\t", 1)[0].decode("ascii", "replace") or None

    async def fetch(self, url: str, ref: str, *, folder: Path) -> None:
        """Makes `folder` a bare repository holding the remote's HEAD commit, without history, as `ref`.

        Raises GitMissing, GitFailed, OverLimit.
        """
        await self._run(["init", "--bare", "--quiet", "--template="], folder=folder)
        wanted = ["--depth=1", "--no-tags", "--no-recurse-submodules", "--quiet", "--", url, f"+HEAD:{ref}"]
        await self._run(["fetch", *wanted], folder=folder)
        if await self._threads.run(_size, folder) > self._limits.octets:  # faster than the watch
            raise git.OverLimit("too large")

    async def _run(self, arguments: Sequence[str], *, folder: Path) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *git.command(arguments, folder=folder, options=_OPTIONS),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(folder),
            start_new_session=True,  # so that git's helpers can be ended with it
        )
        watch = asyncio.create_task(self._outgrown(folder))
        talk = asyncio.create_task(_talk(process))
        try:
            await asyncio.wait({watch, talk}, timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if not talk.done():
                raise git.OverLimit("too large, or too slow")
            printed, said = talk.result()
        finally:
            _end(process)
            watch.cancel()
            await asyncio.gather(watch, talk, return_exceptions=True)
        if process.returncode != 0:
            raise git.GitFailed(git.explain(said.decode(errors="replace")))
        return printed

    async def _outgrown(self, folder: Path) -> None:
        """Returns when the folder holds more than it may."""
        while await self._threads.run(_size, folder) <= self._limits.octets:  # noqa: ASYNC110 - git tells nobody how far it is
            await asyncio.sleep(_WATCH_SECONDS)

    def _environment(self, home: Path) -> dict[str, str]:
        return git.environment() | {
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(self._protocols)),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CEILING_DIRECTORIES": str(home.parent),  # the cache may lie inside somebody's repository
            "HOME": str(home),  # curl would send what a .netrc there holds
        }


async def _talk(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    if process.stdout is None or process.stderr is None:
        raise TypeError("the process has no pipes")
    printed, said = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
    await process.wait()
    return printed, said


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while octets := await stream.read(65_536):
        kept += octets[: _KEPT_OCTETS - len(kept)]
    return kept


def _size(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(parent, file)).st_size  # noqa: PTH118 - a hot loop
            except OSError:
                continue  # renamed by git meanwhile
    return total


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        return
