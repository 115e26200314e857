"""Pure: reading the fields of what platforms send.

A field that is absent or of another type than documented is None or empty, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_LONGEST = 100_000  # characters; Slack cuts a message after 40,000, Discord takes 4,000
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str | None:
    """The value if it is a string, as far as 100,000 characters; what could not be encoded in it becomes U+FFFD."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value[:_LONGEST]) if isinstance(value, str) else None
