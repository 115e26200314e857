"""One console for each conversation, also when one of them is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from bots.console.lock import ThreadLocks
from bots.console.place import channel, thread, workspace

CHANNEL = channel(workspace("ann", "desk"), Path("/src/widgets"))
ONE, OTHER = thread(CHANNEL, 1), thread(CHANNEL, 2)
HOLDER = """
import sys
from pathlib import Path
from bots.console.lock import ThreadLocks
from tests.console.test_lock import ONE
with ThreadLocks(Path(sys.argv[1])) as locks:
    print(locks.take(ONE), flush=True)
    sys.stdin.read()
"""


def test_a_thread_is_held_by_one_process_until_that_dies(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process, ThreadLocks(tmp_path) as locks:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not locks.take(ONE)
        assert not locks.free(ONE)
        assert locks.free(OTHER)
        assert locks.take(OTHER)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert locks.free(ONE)
        assert locks.take(ONE)


def test_what_is_released_can_be_taken_elsewhere(tmp_path: Path) -> None:
    with ThreadLocks(tmp_path) as locks:
        assert locks.take(ONE)
        assert locks.take(OTHER)
        locks.release(ONE)
        process = subprocess.run(
            [sys.executable, "-c", HOLDER, str(tmp_path)], input="", capture_output=True, text=True, check=True
        )
        assert process.stdout == "True\n"
    assert (tmp_path / "console.lock").stat().st_mode & 0o777 == 0o600
