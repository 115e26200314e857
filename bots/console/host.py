"""The name that this machine's consoles go by."""

from __future__ import annotations

import contextlib
from pathlib import Path

from core import once


def machine(folder: Path, name: str) -> str:
    """The name of this machine when its first console was here, which is `name` if none was yet.

    It is kept in this folder, beside what is stored under it: a laptop is renamed by the networks that it joins, and a
    container has another name each time, but what was asked and mapped there is to be found again.
    """
    path = folder / "console.host"
    with contextlib.suppress(OSError):  # a folder that can only be read: what is stored there is found all the same
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            once.make(path, f"{name}\n")
        return path.read_text(encoding="utf-8").strip()
    return name
