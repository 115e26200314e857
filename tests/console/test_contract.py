"""What every platform has to show, in the terminal."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from core.channels.grammar import ThreadWord
from tests.console.processes import Home, Terminal
from tests.fakes.chat import FakeChat
from tests.platform_contract import FIRST_TOKEN_SECONDS, Capability, Person, PlatformContract, Post, Told

_QUESTION = re.compile(r"^› (?!$)", re.MULTILINE)
_FOOTER = re.compile(r"^\s*(github\.com/\S+ · .*)$", re.MULTILINE)
_NOTICE = "is mapped here yet"  # the one notice that takes an answer's place here


@dataclass
class TerminalPlace:
    """Somebody at a terminal. The session is the one thread; what is shown between two questions is a post."""

    home: Home
    chat: FakeChat
    terminal: Terminal

    async def _prompt(self) -> None:
        await self.until(lambda: self.terminal.text.rstrip("\n").endswith(("›", "› ")))

    async def _type(self, line: str) -> None:
        await self._prompt()
        before = self.terminal.text.count(line)
        self.terminal.type(f"{line}\r")
        await self.until(lambda: self.terminal.text.count(line) > before)

    async def ask(self, text: str, by: Person = Person.ALICE, *, files: Sequence[tuple[str, bytes]] = ()) -> str:
        await self._type(text)
        return ""

    async def reply(self, thread: str, text: str, by: Person = Person.ALICE, *, called: bool = False) -> None:
        await self._type(text)

    async def steer(self, thread: str, word: ThreadWord, by: Person = Person.ALICE) -> None:
        if word is ThreadWord.STOP:
            self.terminal.type("\x03")
        else:
            await self._type(f"/{word.value}")

    def posts(self, thread: str) -> list[Post]:
        _, *parts = _QUESTION.split(self.terminal.text)
        found = [_post(str(number), part) for number, part in enumerate(parts) if not part.startswith("/")]
        return [post for post in found if post.text.strip() and _NOTICE not in post.text]

    def told(self, person: Person = Person.ALICE) -> list[Told]:
        _, *parts = _QUESTION.split(self.terminal.text)
        return [Told(line) for part in parts for line in part.splitlines() if _NOTICE in line]

    async def until(self, seen: Callable[[], bool]) -> None:
        await self.terminal._until(seen, "never seen")

    async def map(self, repository: str, alias: str | None = None) -> None:
        await self._type(f"/map {repository}" + (f" as {alias}" if alias else ""))
        await self._prompt()


@dataclass
class MortalTerminalPlace(TerminalPlace):
    """The same, killed and begun again with --resume, in a window of its own that shows what there was."""

    async def kill(self) -> None:
        self.terminal.send(signal.SIGKILL)
        await self.terminal.ended()
        self.terminal.close()

    async def start(self) -> None:
        self.terminal = await Terminal.start(self.home, "console", "--resume", columns=200, lines=60)


class TestTerminal(PlatformContract):
    platform: ClassVar[str] = "Terminal"
    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    @pytest.fixture
    async def place(self, away: Home, chat: FakeChat) -> AsyncIterator[TerminalPlace]:
        async for each in opened(away, chat):
            yield each

    @pytest.fixture
    async def unmapped(self, away: Home, chat: FakeChat, tmp_path: Path) -> AsyncIterator[TerminalPlace]:
        folder = tmp_path / "empty"
        folder.mkdir()
        async for each in opened(replace(away, repository=folder), chat):
            yield each

    @pytest.fixture
    async def mortal(self, away: Home, chat: FakeChat) -> AsyncIterator[TerminalPlace]:
        async for each in opened(away, chat):
            yield each


async def opened(home: Home, chat: FakeChat) -> AsyncIterator[MortalTerminalPlace]:
    home = replace(home, settings={**home.settings, "ASKREPO_CHAT_FIRST_TOKEN_SECONDS": str(FIRST_TOKEN_SECONDS)})
    place = MortalTerminalPlace(home, chat, await Terminal.start(home, "console", columns=200, lines=60))
    yield place
    place.terminal.close()


def _post(number: str, shown: str) -> Post:
    footer = _FOOTER.search(shown)
    text = shown.partition("\n")[2][: footer.start() if footer else None]
    return Post(number, text, footer[1] if footer else "")
