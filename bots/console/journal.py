"""The log of consoles: a file, because lines on standard error would tear the display or stand among answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

_MOST = 1 << 20  # octets; then the file begins anew, and one older file is kept


def journal(folder: Path) -> tuple[Path, TextIO]:
    """`console.log` in this folder, its owner's alone, open to append. Raises OSError."""
    path = folder / "console.log"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _MOST:
        path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return path, os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
