"""A real askrepo process of which everything is kept: what it writes, its arguments, and what it hands to others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_HOUSE = Path(__file__).parents[1]
_SECONDS = 60
# every record of every logger is made, whatever level a library or we set
_LOUDEST = "import logging; logging.Logger.isEnabledFor = lambda *_: True; from bots.cli import main; main()"
# git as it is, but that it writes down what it was given
_GIT = """\
#!/bin/sh
cat "/proc/$$/environ" "/proc/$$/cmdline" >> '{left}'
exec '{git}' "$@"
"""


@dataclass
class Spied:
    """One process, with a home, data and cache of its own in `folder`, where its output stands too."""

    folder: Path
    process: asyncio.subprocess.Process
    arguments: bytes
    begins: int  # octets that others had written before

    @property
    def output(self) -> str:
        """What it has written so far."""
        return (self.folder / "output").read_bytes()[self.begins :].decode(errors="replace")

    async def wrote(self, words: str) -> None:
        """Wait until its output holds these words."""
        async with asyncio.timeout(_SECONDS):
            while words not in self.output:
                assert self.process.returncode is None, self.output
                await asyncio.sleep(0.05)

    async def ends(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.wait_for(self.process.wait(), _SECONDS)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end."""
        self.process.send_signal(number)
        return await self.ends()

    def left(self) -> dict[str, bytes]:
        """Everything it left behind: files, its output among them, and its arguments as other users see them."""
        files = {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return files | {f"arguments of {self.folder}": self.arguments}


@contextlib.asynccontextmanager
async def spied(folder: Path, given: Mapping[str, str], *words: str, typed: str = "") -> AsyncIterator[Spied]:
    """Askrepo with these words until the block ends, every logger at DEBUG; `typed` is its standard input."""
    folder.mkdir(exist_ok=True)
    own = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    loud = {"ASKREPO_LOG_LEVEL": "debug", "ASKREPO_LOG_FORMAT": "json", "PYTHONASYNCIODEBUG": "1"}
    path = f"{_watched_git(folder)}{os.pathsep}{os.environ['PATH']}"
    (folder / "typed").write_text(typed)
    with (folder / "output").open("ab") as output, (folder / "typed").open("rb") as standard_input:
        begins = output.tell()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _LOUDEST, *words, stdin=standard_input, stdout=output, stderr=output, cwd=folder,
            env={"PATH": path, "PYTHONPATH": str(_HOUSE), **own, **loud, **given},
        )  # fmt: skip
    (folder / "typed").unlink()
    try:
        yield Spied(folder, process, Path(f"/proc/{process.pid}/cmdline").read_bytes(), begins)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _watched_git(folder: Path) -> Path:
    """Where git is found that writes down its environment and arguments, in `children`."""
    real = shutil.which("git")
    assert real is not None
    git = folder / "bin" / "git"
    git.parent.mkdir(exist_ok=True)
    git.write_text(_GIT.format(left=folder / "children", git=real))
    git.chmod(0o755)
    return git.parent
