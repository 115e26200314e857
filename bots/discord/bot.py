"""Who we are in Discord."""

from __future__ import annotations

from dataclasses import dataclass

from bots.discord.fields import number, snowflake
from bots.discord.rest import Rest
from bots.fields import mapping
from core.errors import PlatformAway

_CONTENT = 1 << 18 | 1 << 19  # the intent to read all messages is granted, or need not be (in few guilds)


@dataclass(frozen=True, slots=True)
class Bot:
    """`user_id` writes our posts. `flags` are the application's."""

    user_id: str
    application_id: str
    flags: int = 0

    @property
    def reads_all(self) -> bool:
        """Whether the developer portal lets us read messages that do not mention us."""
        return bool(self.flags & _CONTENT)


class Ourselves:
    """Asks Discord once. Raises what Rest raises."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._bot: Bot | None = None

    async def bot(self) -> Bot:
        """Who the token belongs to."""
        if self._bot is None:
            told = mapping(await self._rest.patiently("GET", "/applications/@me"))
            application_id = snowflake(told.get("id"))
            user_id = snowflake(mapping(told.get("bot")).get("id"))
            if application_id is None or user_id is None:
                raise PlatformAway("Discord does not say who we are")
            self._bot = Bot(user_id, application_id, number(told.get("flags")) or 0)
        return self._bot
