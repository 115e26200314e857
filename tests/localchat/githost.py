"""A host of git repositories over HTTP that can also be broken in the ways hosts are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.localchat.repository import git


@dataclass
class GitHost:
    """Serves the repository at `top` under every path, or refuses all with a `status` other than 200.

    `requests` and their whole `heads` are kept.
    """

    top: Path
    url: str = ""
    status: int = 200
    moved: str = ""  # where all below /old/ is asked for instead
    hang_after: int | None = None  # octets of a pack; the rest comes when `released` is set
    requests: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def asked(self, what: str, times: int) -> None:
        """Returns when requests with these words have come so often."""
        async with self.came:
            await self.came.wait_for(lambda: sum(what in request for request in self.requests) >= times)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request = head.split("\r\n", 1)[0]
            self.requests.append(request)
            self.heads.append(head.lower())
            async with self.came:
                self.came.notify_all()
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
            )
            body = await reader.readexactly(length)
            if "/old/" in request:
                there = self.moved + request.split()[1].partition("/old")[2]
                await self._send(writer, f"301 Moved\r\nLocation: {there}", b"", b"text/plain")
            elif self.status != 200:
                await self._send(writer, f"{self.status} No", b"no\n", b"text/plain")
            elif "info/refs" in request:
                refs = git(self.top, "upload-pack", "--stateless-rpc", "--advertise-refs", str(self.top))
                head_line = b"001e# service=git-upload-pack\n0000"
                await self._send(writer, "200 OK", head_line + refs, b"application/x-git-upload-pack-advertisement")
            else:
                pack = git(self.top, "upload-pack", "--stateless-rpc", str(self.top), said=body)
                await self._send(writer, "200 OK", pack, b"application/x-git-upload-pack-result", self.hang_after)
        writer.close()

    async def _send(
        self, writer: asyncio.StreamWriter, status: str, body: bytes, kind: bytes, hang_after: int | None = None
    ) -> None:
        writer.write(
            b'HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\nWWW-Authenticate: Basic realm="git"\r\n'
            % (status.encode(), kind)
        )
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body[:hang_after]))
        await writer.drain()
        if hang_after is not None:
            self.hanging.set()
            await self.released.wait()
            writer.write(body[hang_after:])
            await writer.drain()


@contextlib.asynccontextmanager
async def hosting(top: Path) -> AsyncIterator[GitHost]:
    """The host while the block runs."""
    host = GitHost(top)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield host
    finally:
        host.released.set()
        server.close()
        await server.wait_closed()
