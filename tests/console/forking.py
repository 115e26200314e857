"""A process that has imported askrepo already and forks one that runs it whenever it is asked to.

Importing takes a second or two of CPU, more than all that most tests do with the program. What is forked is a process
like any other: its own session, environment, folder, standard streams, signals and exit code.

On a connection: three descriptors and a JSON object (arguments, environment, folder) come in; the process id goes out,
and when the process has ended, its exit code (as Popen has it). A process whose connection is closed is killed; all
ends with the standard input.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import sys
import termios
import threading
import traceback
from contextlib import suppress
from typing import Any

LIMIT = 1 << 20


def main() -> None:
    from bots import cli, doctor, running  # noqa: F401 - imported once, for all that are forked
    from bots.slack import manifest  # noqa: F401 - as those that a command imports when it runs

    running.freeze_heap()  # none of those that are forked looks through it, nor copies it to do so
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that watch are nobody's business
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        print("ready", flush=True)
        while listener.fileno() in select.select([listener.fileno(), 0], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _watch(connection)
                    os._exit(0)


def _watch(connection: socket.socket) -> None:
    os.setsid()  # what ends the tests (a Ctrl-C, a time limit) must not end this before the process it watches
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, LIMIT, 3)
    process = os.fork()
    if process == 0:
        connection.close()
        _become(json.loads(message), streams)
    for descriptor in streams:
        os.close(descriptor)
    connection.sendall(f"{process}\n".encode())
    ended = threading.Event()
    threading.Thread(target=_kill_when_closed, args=(connection, process, ended), daemon=True).start()
    _, status = os.waitpid(process, 0)
    ended.set()
    with suppress(BrokenPipeError):  # nobody asks any more
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _kill_when_closed(connection: socket.socket, process: int, ended: threading.Event) -> None:
    with suppress(OSError):
        connection.recv(1)
        if not ended.is_set():
            os.kill(process, signal.SIGKILL)


def _become(what: dict[str, Any], streams: list[int]) -> None:
    code = 70
    try:
        os.setsid()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal to this process
        os.environ.clear()
        os.environ.update(what["environment"])
        os.chdir(what["folder"])
        sys.argv = ["askrepo", *what["arguments"]]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        code = _run()
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _run() -> int:
    from bots import cli

    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    main()
