"""A file that is made once, whichever of several processes comes first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def make(path: Path, text: str) -> None:
    """Whole or not at all, its owner's alone, and never over an existing one. Raises OSError."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, encoding="utf-8") as file:
        file.write(text)  # mode 0600
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
