"""Statements compiled once for all databases of a test process.

Each engine compiles what it is given for the first time, and every test opens engines of its own: no test is about
that, and it took a quarter of the processor time of those that open many.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event


class _Compiled(dict[Any, Any]):
    """SQLAlchemy's keys begin with the engine's own dialect object; here one kind of dialect is as good as another."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_shared(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_shared(key), compiled)


def _shared(key: Any) -> Any:
    dialect, *rest = key
    return type(dialect), *rest


def compile_once() -> None:
    """From now on all engines of this process share what they have compiled."""
    compiled = _Compiled()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)
