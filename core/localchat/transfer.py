"""One git transfer over the network: anonymous, bounded in time and size, and gone when it is cancelled.

Git follows no redirect: it would connect to wherever that leads. They are followed here, each like a URL of its own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urljoin

from core.localchat import git, names
from core.localchat.git import Cause
from core.localchat.hosts import PORTS, PROXIES, Hosts, Route, port
from core.localchat.threads import Threads

_WATCH_SECONDS = 0.25
_KEPT_OCTETS = 16_384  # of what git or the remote says; the rest is read and dropped

_OPTIONS = (
    "-c", "fetch.unpackLimit=1",  # one pack instead of thousands of files, so that its size is quickly seen
    "-c", "http.lowSpeedLimit=1000",
    "-c", "http.lowSpeedTime=30",
    "-c", "http.followRedirects=false",
    "-c", "submodule.recurse=false",
    "-c", "core.bigFileThreshold=2m",  # no file above it is read into memory; we index none as large
    "-c", "pack.threads=1",  # each would take as much memory
)  # fmt: skip

_MOST_MOVES = 3
_FIRST_ASKED = "/info/refs?service=git-upload-pack"  # below a repository's URL
_REPOSITORY = re.compile(
    rf"((https?)://{names.HOST}(?::(\d{{1,5}}))?(?:/[A-Za-z0-9._~-]+)+){re.escape(_FIRST_ASKED)}", re.ASCII
)
_LOCATION = re.compile(rb"<= Recv header: location: (\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_NONE = Route()
_NOTHING: Mapping[str, str] = MappingProxyType({})
_HEADERS_TOLD = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one clone may cost: seconds, octets on disk, and octets of memory for each thing that git has to hold.

    It ends where fewer octets than `free` would be left to everything else on its disk.
    """

    seconds: float = 300.0
    octets: int = 1 << 30
    memory: int = 128 << 20
    free: int = 512 << 20


class Transfer:
    """Runs git against a remote over the given protocols only, where `hosts` lead, redirects included."""

    def __init__(self, protocols: frozenset[str], limits: Limits, hosts: Hosts, threads: Threads) -> None:
        self._protocols = protocols
        self._limits = limits
        self._hosts = hosts
        self._threads = threads

    async def head(self, url: str, *, folder: Path) -> str | None:
        """The remote's HEAD commit, None if it has none; asked from the bare repository `folder`.

        Raises GitMissing, GitFailed, OverLimit.
        """
        async with self._in_time():
            listed = await self._from(url, _head, folder=folder)
        return listed.split(b"\t", 1)[0].decode("ascii", "replace") or None

    async def fetch(self, url: str, ref: str, *, folder: Path) -> None:
        """Makes `folder` a bare repository holding the remote's HEAD commit, without history, as `ref`.

        Raises GitMissing, GitFailed, OverLimit, OSError.
        """
        wanted = ["fetch", "--depth=1", "--no-tags", "--no-recurse-submodules", "--quiet", "--"]
        await self._threads.run(_check, folder, self._limits)
        async with self._in_time():
            await self._run(["init", "--bare", "--quiet", "--template="], folder=folder)
            await self._watched(self._from(url, lambda url: [*wanted, url, f"+HEAD:{ref}"], folder=folder), folder)
        await self._threads.run(_check, folder, self._limits)  # it may have been faster than the watch

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._limits.seconds):
                yield
        except TimeoutError:
            raise git.OverLimit("too large, or too slow") from None

    async def _watched(self, transfer: Coroutine[None, None, bytes], folder: Path) -> None:
        """Ends the transfer when the folder has outgrown its limits."""
        work = asyncio.create_task(transfer)
        watch = asyncio.create_task(self._outgrown(folder))
        try:
            done, _ = await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            await (work if work in done else watch)
        finally:
            work.cancel()
            watch.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    async def _outgrown(self, folder: Path) -> None:
        """Raises what `_check` raises, as soon as it does."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)  # git tells nobody how far it is
            await self._threads.run(_check, folder, self._limits)

    async def _from(self, url: str, arguments: Callable[[str], Sequence[str]], *, folder: Path) -> bytes:
        """What git prints with the arguments for this URL, or for where its host says that the repository is now."""
        for _ in range(_MOST_MOVES):
            route = await self._hosts.route(url)
            try:
                return await self._run(arguments(url), folder=folder, route=route)
            except git.GitFailed as failure:
                if failure.cause is not Cause.MOVED:
                    raise
            url = await self._moved(url, folder=folder, route=route)
        raise git.GitFailed(Cause.NOT_FOUND)

    async def _moved(self, url: str, *, folder: Path, route: Route) -> str:
        """The URL to which the host sends whoever asks for this one."""
        _, _, said = await self._ended(_head(url), folder=folder, route=route, told=_HEADERS_TOLD)
        moved = _location(url, said)
        if moved is None:
            raise git.GitFailed(Cause.NOT_FOUND)  # to a page to log in, most often
        return moved

    async def _run(self, arguments: Sequence[str], *, folder: Path, route: Route = _NONE) -> bytes:
        status, printed, said = await self._ended(arguments, folder=folder, route=route)
        if b"attempting to allocate" in said:
            raise git.OverLimit("too large")
        if status != 0:
            raise git.GitFailed(git.explain(said.decode(errors="replace")))
        return printed

    async def _ended(
        self, arguments: Sequence[str], *, folder: Path, route: Route, told: Mapping[str, str] = _NOTHING
    ) -> tuple[int | None, bytes, bytes]:
        """Git's exit status, what it printed, and what it said."""
        process = await asyncio.create_subprocess_exec(
            *git.command(arguments, folder=folder, options=(*_OPTIONS, *route.options)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._environment(folder, route), **told},
            start_new_session=True,  # so that git's helpers can be ended with it
        )
        talk = asyncio.create_task(_talk(process))
        try:
            printed, said = await asyncio.shield(talk)
        finally:
            _end(process)
            await asyncio.gather(talk, return_exceptions=True)
        return process.returncode, printed, said

    def _environment(self, home: Path, route: Route) -> dict[str, str]:
        inherited = {name: value for name, value in git.environment().items() if name.lower() not in PROXIES}
        return inherited | {
            "ALL_PROXY": route.proxy,
            "GIT_ALLOC_LIMIT": str(self._limits.memory),
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(self._protocols)),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CEILING_DIRECTORIES": str(home.parent),  # the cache may lie inside somebody's repository
            "HOME": str(home),  # curl would send what a .netrc there holds
        }


def _head(url: str) -> list[str]:
    return ["ls-remote", "--quiet", "--", url, "HEAD"]


def _location(url: str, said: bytes) -> str | None:
    """Where the headers of an answer lead, None where not to a repository by the same protocol at the same port.

    Git must understand the host in it as we do, so only a plain name is one.
    """
    headers = _LOCATION.findall(said)
    if not headers:
        return None
    moved = _REPOSITORY.fullmatch(urljoin(url + _FIRST_ASKED, headers[-1].decode(errors="replace")))
    return moved[1] if moved and int(moved[3] or PORTS[moved[2]]) == port(url) else None


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


def _check(folder: Path, limits: Limits) -> None:
    """Raises OverLimit where the folder holds too much, and OSError where its disk is almost full. Blocking."""
    if size(folder) > limits.octets:
        raise git.OverLimit("too large")
    if shutil.disk_usage(folder).free < limits.free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def size(folder: Path) -> int:
    """The octets of all files in it. Blocking."""
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
