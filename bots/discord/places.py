"""Where something stands that discord.py does not hold, such as a thread that slept: asked of Discord, remembered."""

from __future__ import annotations

from collections import OrderedDict

from bots.discord.failures import Barred
from bots.discord.fields import number, snowflake
from bots.discord.posts import THREADS, Spot
from bots.discord.rest import Rest
from bots.fields import mapping

_REMEMBERED = 10_000  # neither the type nor the parent of a channel changes into something that matters here


class Places:
    """Asks GET /channels/{id}. Raises what Rest raises, but for a place that is gone or hidden."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: OrderedDict[str, Spot] = OrderedDict()

    async def settled(self, spot: Spot) -> Spot | None:
        """The place with all that is to be known of it; None where Discord does not show it to us."""
        if spot.known:
            return spot
        known = self._known.get(spot.channel_id)
        if known is None:
            try:
                told = await self._rest.patiently("GET", "/channels/{channel_id}", channel_id=spot.channel_id)
            except Barred:
                return None
            known = self._known[spot.channel_id] = described(told, spot)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known if known.known else None


def described(told: object, spot: Spot) -> Spot:
    """What GET /channels/{id} says about a place of which only the id is known."""
    channel = mapping(told)
    kind = number(channel.get("type"))
    parent = snowflake(channel.get("parent_id")) if kind in THREADS else None  # a channel's parent is its category
    return Spot(spot.guild_id or snowflake(channel.get("guild_id")) or "", spot.channel_id, kind, parent or "")
