"""Which part of Discord's events a process receives.

https://docs.discord.com/developers/events/gateway#sharding
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bots.discord.fields import snowflake
from core.errors import SettingsError

_NAME = "--shards"
_GIVEN = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of this process, of so many in all. Direct messages come to shard 0."""

    ids: tuple[int, ...]
    count: int

    @classmethod
    def parse(cls, given: str) -> Self:
        """`0-3/16`, or `2/16`. Raises SettingsError."""
        found = _GIVEN.fullmatch(given.strip())
        if not found:
            raise SettingsError(_NAME, "write it like 0-3/16: the shards of this process, of how many there are")
        first, count = int(found[1]), int(found[3])
        last = first if found[2] is None else int(found[2])
        if not first <= last < count:
            raise SettingsError(_NAME, "shards are counted from 0, the lower number first, and end before their count")
        return cls(tuple(range(first, last + 1)), count)

    @classmethod
    def all(cls, count: int) -> Self:
        """All of them in one process."""
        return cls(tuple(range(count)), count)

    def hold(self, guild_id: str) -> bool:
        """Whether the events of this guild come to this process; of an id that is none, there are no events."""
        return snowflake(guild_id) is not None and (int(guild_id) >> 22) % self.count in self.ids
