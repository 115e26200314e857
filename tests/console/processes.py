"""The real `askrepo` as a process: with pipes, or at a terminal of its own. Nothing here sleeps."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.console.emulator import Emulator

SECONDS = 20.0  # until a test gives up waiting for something that must come
_HOUSE = Path(__file__).parents[2]
# discord.py imports audioop for voice, which we have not
_WARNINGS = ("-W", "error", "-W", "ignore:'audioop' is deprecated:DeprecationWarning")
_ESCAPE = re.compile(r"\x1b[\[\]()?=>]|[\x00-\x08\x0b-\x1f]")


@dataclass
class Process:
    """A running askrepo."""

    number: int
    _connection: socket.socket

    @classmethod
    async def start(
        cls,
        forks: Path,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
    ) -> Process:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(forks))
        what = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        socket.send_fds(connection, [json.dumps(what).encode()], list(streams))
        connection.setblocking(False)
        process = cls(0, connection)
        process.number = await process._line()
        return process

    async def _line(self) -> int:
        said = b""
        while not said.endswith(b"\n"):
            more = await asyncio.get_running_loop().sock_recv(self._connection, 1)
            assert more, "the process that forks has failed"
            said += more
        return int(said)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.number, number)

    async def ended(self, seconds: float = SECONDS) -> int:
        """The exit code, once it has ended."""
        code = await asyncio.wait_for(self._line(), seconds)
        self.close()
        return code

    def close(self) -> None:
        """End it, if it has not ended."""
        if self._connection.fileno() >= 0:
            self._connection.close()


@contextmanager
def forking(house: Path = _HOUSE) -> Iterator[Path]:
    """The socket of a process that forks askrepo, the one of this house, while the block runs."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "forks"
        listener.bind(str(path))
        listener.listen()
        command = [sys.executable, *_WARNINGS, "-m", "tests.console.forking", str(listener.fileno())]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=house, pass_fds=[listener.fileno()]
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield path


@dataclass(frozen=True)
class Done:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def plain(self) -> bool:
        """No colours, no control characters."""
        return not _ESCAPE.search(self.out + self.err)

    @property
    def sentence(self) -> str:
        """What a failed command said, having checked that it failed as it must."""
        assert self.code == 1, self
        assert "Traceback" not in self.out + self.err, self
        assert self.plain, self
        assert len(self.err.strip().splitlines()) == 1, self
        return self.err.strip()


class Pipes:
    """askrepo between pipes."""

    def __init__(self, process: Process, write: int, reads: Sequence[int]) -> None:
        self.process = process
        self._write, (self.out, self._err) = write, reads

    def say(self, text: str) -> None:
        os.write(self._write, text.encode())

    def stop_reading(self) -> None:
        """Nobody reads its answers any more."""
        os.close(self.out)
        self.out = os.open(os.devnull, os.O_RDONLY)

    async def done(self, given: str = "") -> Done:
        """Give it the rest of its input, and wait for its end."""
        self.say(given)
        os.close(self._write)
        try:
            async with asyncio.timeout(SECONDS):
                out, err = await asyncio.gather(asyncio.to_thread(_all, self.out), asyncio.to_thread(_all, self._err))
                return Done(await self.process.ended(), out, err)
        finally:
            self.process.close()  # else the threads would read on for ever


def _all(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8", newline="") as file:
        return file.read()


@dataclass
class Home:
    """A user of this machine: data and cache folders of their own, and the repository they work in."""

    forks: Path
    folder: Path
    repository: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data" / "askrepo"

    def environment(self, **settings: str) -> dict[str, str]:
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        return own | dict(self.settings) | settings

    async def start(
        self, *arguments: str, folder: Path | None = None, together: bool = False, **settings: str
    ) -> Pipes:
        """Run it with pipes; with one for both outputs where they go `together`."""
        (given, ours), (our_out, out), (our_err, err) = os.pipe(), os.pipe(), os.pipe()
        process = await Process.start(
            self.forks,
            arguments,
            folder=folder or self.repository,
            environment=self.environment(**settings),
            streams=(given, out, out if together else err),
        )
        for theirs in (given, out, err):
            os.close(theirs)
        return Pipes(process, ours, (our_out, our_err))

    async def run(self, *arguments: str, given: str = "", folder: Path | None = None, **settings: str) -> Done:
        """Run it with pipes, to its end."""
        return await (await self.start(*arguments, folder=folder, together=False, **settings)).done(given)


class Terminal:
    """askrepo with somebody at the keyboard. `text` is all that the terminal shows, scrollback included."""

    def __init__(self, columns: int = 100, lines: int = 30) -> None:
        self._ours, self.theirs = pty.openpty()
        self._name = os.ttyname(self.theirs)
        self.raw = ""
        self._emulator = Emulator(columns, lines)
        self._grew = asyncio.Event()
        self.process: Process | None = None
        self.resize(columns, lines)

    @classmethod
    async def start(cls, home: Home, *arguments: str, columns: int = 100, lines: int = 30, **settings: str) -> Terminal:
        terminal = cls(columns, lines)
        asyncio.get_running_loop().add_reader(terminal._ours, terminal._read)
        terminal.process = await Process.start(
            home.forks,
            arguments,
            folder=home.repository,
            environment=home.environment(**settings),
            streams=[terminal.theirs] * 3,
        )
        os.close(terminal.theirs)
        return terminal

    def _read(self) -> None:
        try:
            output = os.read(self._ours, 65_536).decode(errors="replace")
        except OSError:  # the program and its terminal are gone
            output = ""
        if not output:
            asyncio.get_running_loop().remove_reader(self._ours)
        self.raw += output
        self._emulator.feed(output)
        self._grew.set()

    @property
    def text(self) -> str:
        return self._emulator.text

    async def until(self, *texts: str, times: int = 1) -> None:
        """Wait until each of the texts is shown as often."""
        await self._until(lambda: all(self.text.count(text) >= times for text in texts), f"never shown: {texts}")

    async def prompt(self, number: int) -> None:
        """Wait until it asks for the line of this number, 1 being the first."""
        pattern = re.compile(r"^[›>](?: |$)", re.MULTILINE)
        await self._until(
            lambda: len(pattern.findall(self.text)) >= number and self.text.endswith(("›", ">")), f"no prompt {number}"
        )

    async def _until(self, shown: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while not shown():
                    self._grew.clear()
                    await self._grew.wait()
        except TimeoutError:
            raise AssertionError(f"{otherwise}\n{self.text}") from None

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def pause(self) -> None:
        """As Ctrl-S does, and at once: whoever writes waits until it is taken back."""
        theirs = os.open(self._name, os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(theirs, termios.TCOOFF)
        os.close(theirs)

    def resize(self, columns: int, lines: int) -> None:
        self._emulator.resize(columns, lines)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send(number)

    async def ended(self) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        return await self.process.ended()

    def close(self) -> None:
        """Switch the terminal off; a program that still runs in it is killed."""
        if self.process is not None:
            self.process.close()
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
