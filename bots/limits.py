"""What the system grants this process: as many files and connections as may be open, and no core dump."""

from __future__ import annotations

import sys


def as_many_as_allowed() -> int | None:
    """Raise the limit as far as the system lets us, and return what it is; None where there is none, as on Windows.

    The usual one, 1,024, is for programs that wait by `select`; some 300 answers and a crowd at the port need more.
    """
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not everywhere

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):  # macOS says that there is no limit, and takes no such one
        return now
    return most


def no_core_dump() -> None:
    """Have no memory written to a file where this process crashes: it holds keys and tokens in clear."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not everywhere

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
