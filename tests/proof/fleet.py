"""Several processes of askrepo on one database; Slack's requests go to one after the other of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import random
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.console.processes import SECONDS
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.mortal import MortalProcess

ROLES = ("web", "worker")
_LOOK_SECONDS = 0.05
_START_SECONDS = 120.0


def environment(slack: FakeSlack, chat: FakeChat, database_url: str) -> dict[str, str]:
    """The settings of an askrepo that serves every workspace it is installed in."""
    return {
        "DATABASE_URL": database_url,
        "ASKREPO_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_CHAT_SILENCE_SECONDS": "900",  # an answer that waits for a test is none that broke off
        "ASKREPO_CHAT_TOTAL_SECONDS": "900",
        "ASKREPO_SLACK_API_URL": slack.api_url,
        "ASKREPO_PUBLIC_URL": "https://askrepo.example.com",
        "ASKREPO_LOG_LEVEL": "warning",
        "SLACK_CLIENT_ID": slack.app.client_id,
        "SLACK_CLIENT_SECRET": slack.app.client_secret,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "PORT": "0",
    }


class Fleet:
    """Processes that receive and answer, each at a port of its own."""

    def __init__(self, forks: Path, folder: Path, given: Mapping[str, str], slack: FakeSlack, many: int) -> None:
        self._folder, self._given, self._slack = folder, given, slack
        self._made = itertools.count()
        self._members = [self.made(forks) for _ in range(many)]
        self._next = 0

    def made(self, forks: Path) -> Member:
        """A further process, which does not run yet and is sent nothing."""
        return Member.made(forks, self._folder / f"process{next(self._made)}", self._given)

    def route(self) -> None:
        """The next request goes to the next process, whether it lives or not."""
        self._next = (self._next + 1) % len(self._members)
        self._slack.url = f"http://127.0.0.1:{self._members[self._next].port}/slack/events"

    async def start(self) -> None:
        """Start all of them at once; returns when they are ready."""
        await asyncio.gather(*(each.start() for each in self._members))
        await _ready(self._members)

    async def kill_one(self, dice: random.Random) -> None:
        """Kill one of them, whatever it does, and start it again. The others are ready by then."""
        one = dice.choice(self._members)
        await _ready([each for each in self._members if each is not one])
        await one.end(signal.SIGKILL)
        await one.start()

    async def replace_all(self, forks: Path, seconds: float) -> list[int]:
        """One after the other: start a new one, then end an old one by SIGTERM. The old ones' exit codes."""
        codes = []
        for old in list(self._members):
            new = self.made(forks)
            await new.start()
            await _ready([new])
            self._members.append(new)
            self._members.remove(old)
            codes.append(await old.end(signal.SIGTERM, seconds))
            await old.close()
        return codes

    async def end(self, by: signal.Signals, seconds: float = SECONDS) -> list[int]:
        """End all of them: their exit codes."""
        return await asyncio.gather(*(each.end(by, seconds) for each in self._members))

    async def close(self) -> None:
        """Nothing is left of them."""
        await asyncio.gather(*(each.close() for each in self._members))

    def said(self) -> str:
        """What the processes have logged, the end of it."""
        return "\n".join(each.process.log[-2_000:] for each in self._members)

    def times(self, event: str) -> int:
        """How often those that run have logged it."""
        return sum(each.process.log.count(f'"{event}"') for each in self._members)


async def _ready(members: Sequence[Member]) -> None:
    """Wait until all of them are. Raises TimeoutError, as where one has ended by itself."""
    async with asyncio.timeout(_START_SECONDS):
        await asyncio.gather(*(each.ready.wait() for each in members))


@dataclass
class Member:
    """One of them. `ready`: it takes requests. `held` keeps its port for it, and listens to nobody."""

    process: MortalProcess
    held: socket.socket
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: asyncio.Task[None] | None = None

    @classmethod
    def made(cls, forks: Path, folder: Path, given: Mapping[str, str]) -> Member:
        """One that does not run yet."""
        folder.mkdir()
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the process may bind it too, nobody is given it
        held.bind(("127.0.0.1", 0))
        return cls(MortalProcess(forks, folder, ROLES, {**given, "PORT": str(held.getsockname()[1])}), held)

    @property
    def port(self) -> int:
        return int(self.held.getsockname()[1])

    async def start(self) -> None:
        """Start it; `ready` is set as soon as it is."""
        await self.process.start()
        self._looking = asyncio.create_task(self._look())

    async def end(self, by: signal.Signals, seconds: float = SECONDS) -> int:
        """Send it this signal: its exit code."""
        await self._look_away()
        return await self.process.end(by, seconds)

    async def close(self) -> None:
        """Nothing is left of it."""
        await self._look_away()
        self.process.kill()
        self.held.close()

    async def _look_away(self) -> None:
        self.ready.clear()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        async with aiohttp.ClientSession() as session:
            while not self.ready.is_set():
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            self.ready.set()
                            return
                await asyncio.sleep(_LOOK_SECONDS)
