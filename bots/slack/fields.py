"""Pure: reading the fields of what Slack sends.

A field that is absent or of another type than documented is None or empty, never an exception.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_ID = re.compile(r"[A-Z][A-Za-z0-9_-]{0,63}")
_STAMP = re.compile(r"[0-9]{1,10}\.[0-9]{6}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def identifier(value: object) -> str | None:
    """The value if it has the looks of an id: of a user, channel, team, file, view."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def stamp(value: object) -> str | None:
    """The value if it has the looks of a message's `ts`: seconds, a dot, six digits."""
    return value if isinstance(value, str) and _STAMP.fullmatch(value) else None


def order(ts: str) -> int:
    """Microseconds since 1970. A `ts` is never a float: its last digits would be lost."""
    return int(ts.replace(".", ""))


def moment(ts: str) -> datetime:
    """When the message of this `ts` was written."""
    return _EPOCH + timedelta(microseconds=order(ts))
