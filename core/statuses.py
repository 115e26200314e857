"""The status of a turn without an outcome, as statements name it and set it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal_column

from core.database import now_ms

# written out in statements: a partial index is used only where its condition stands word for word
WAITING: ColumnElement[str] = literal_column("'waiting'")
RUNNING: ColumnElement[str] = literal_column("'running'")
OPEN = ("waiting", "running")  # by value, where no partial index is meant
FREE: dict[str, object] = {"worker": None, "lease_until": None}  # the columns of a turn that no worker has


def waiting_again(**values: object) -> dict[str, object]:
    """What makes a turn that a worker has wait for whoever claims it next."""
    return {"status": "waiting", "due_at": now_ms(), **FREE, **values}
