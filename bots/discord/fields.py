"""Pure: reading the fields of what Discord sends.

A field that is absent or of another type than documented is None or empty, never an exception.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SNOWFLAKE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_FIRST = datetime(2015, 1, 1, tzinfo=UTC)  # what snowflakes count from, in milliseconds


def number(value: object) -> int | None:
    """The value if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def snowflake(value: object) -> str | None:
    """The value if it has the looks of an id: of a user, message, channel, guild, interaction."""
    return value if isinstance(value, str) and _SNOWFLAKE.fullmatch(value) else None


def when(value: object) -> datetime | None:
    """The value if it is a time as Discord writes it: ISO 8601, with its time zone."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def moment(snowflake: str) -> datetime:
    """When the thing of this id was made: an id holds the milliseconds since 2015 in all but its last 22 bits."""
    return _FIRST + timedelta(milliseconds=int(snowflake) >> 22)
