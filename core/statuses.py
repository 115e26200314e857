"""The status of a turn without an outcome, as statements name it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal_column

# written out in statements: a partial index is used only where its condition stands word for word
WAITING: ColumnElement[str] = literal_column("'waiting'")
RUNNING: ColumnElement[str] = literal_column("'running'")
OPEN = ("waiting", "running")  # by value, where no partial index is meant
