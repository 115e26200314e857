"""The limit of open files."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOWERED = """
import resource
from bots.descriptors import as_many_as_allowed

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
assert as_many_as_allowed() == most
files = [open("/dev/null") for _ in range(65)]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
def test_as_many_as_the_system_allows() -> None:
    subprocess.run([sys.executable, "-c", LOWERED], check=True)
