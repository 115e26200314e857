"""The limits of open files, and of core dumps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.spied import spied

LOWERED = """
import resource
from bots.limits import as_many_as_allowed

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
assert as_many_as_allowed() == most
files = [open("/dev/null") for _ in range(65)]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
def test_as_many_as_the_system_allows() -> None:
    subprocess.run([sys.executable, "-c", LOWERED], check=True)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux's /proc")
async def test_what_a_process_knows_is_written_to_no_core_dump(tmp_path: Path) -> None:
    """SE-07: it holds keys and tokens in clear."""
    async with spied(tmp_path, {"PORT": "0"}, "run", "web") as process:
        await process.wrote("running")
        granted = Path(f"/proc/{process.process.pid}/limits").read_text(encoding="ascii").splitlines()
    (cores,) = (line.split() for line in granted if line.startswith("Max core file size"))
    assert cores[-3:] == ["0", "0", "bytes"]
