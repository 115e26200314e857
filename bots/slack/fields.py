"""Pure: reading the fields of what Slack sends.

A field that is absent or of another type than documented is None or empty, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bots.fields import mapping, text

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


def following(answer: Mapping[str, object]) -> str | None:
    """The cursor of the page after this one; None where it is the last."""
    return text(mapping(answer.get("response_metadata")).get("next_cursor")) or None
