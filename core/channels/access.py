"""Who may ask where: what an admin allowed, and who can read the answer. Nothing opens by accident.

Bots are ignored rather than refused: two that talk to each other would never end. Unknown means deny.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from core.errors import AccessError, AccessUnknown, AudienceWidened, GuestsNotAllowed, OutsidersNotAllowed


class Standing(StrEnum):
    """How the asker stands to the workspace."""

    MEMBER = "member"
    GUEST = "guest"
    OUTSIDER = "outsider"  # of another organisation
    BOT = "bot"  # and webhooks, and workflows
    UNKNOWN = "unknown"


class Audience(IntEnum):
    """Who can read a place, the fewest first; unknown counts as everybody."""

    DIRECT = 0
    PRIVATE = 1
    PUBLIC = 2
    SHARED = 3  # with another organisation
    UNKNOWN = 4

    @property
    def word(self) -> str:
        """The name as it is stored."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Audience:
        """What a stored name means; one that a newer version wrote is unknown."""
        return next((each for each in cls if each.word == word), cls.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Rules:
    """What an admin allowed in a channel."""

    guests: bool = False
    outsiders: bool = False


class Refusal(StrEnum):
    """Why a question is not answered."""

    BOT = "bot"
    GUEST = "guest"
    OUTSIDER = "outsider"
    UNKNOWN = "unknown"
    WIDENED = "widened"

    @property
    def error(self) -> AccessError | None:
        """What to tell the asker; None: nothing, the question is ignored."""
        kind = _ERRORS[self]
        return None if kind is None else kind()


_ERRORS: dict[Refusal, type[AccessError] | None] = {
    Refusal.BOT: None,
    Refusal.GUEST: GuestsNotAllowed,
    Refusal.OUTSIDER: OutsidersNotAllowed,
    Refusal.UNKNOWN: AccessUnknown,
    Refusal.WIDENED: AudienceWidened,
}
_TABLE: dict[tuple[Standing, Rules], Refusal | None] = {
    (standing, Rules(guests, outsiders)): refusal
    for guests in (False, True)
    for outsiders in (False, True)
    for standing, refusal in (
        (Standing.MEMBER, None),
        (Standing.GUEST, None if guests else Refusal.GUEST),
        (Standing.OUTSIDER, None if outsiders else Refusal.OUTSIDER),
        (Standing.BOT, Refusal.BOT),
        (Standing.UNKNOWN, Refusal.UNKNOWN),
    )
}


def decide(standing: Standing, rules: Rules, *, recorded: Audience | None, now: Audience) -> Refusal | None:
    """Why this question is not answered; None: it is.

    `recorded` is who could read the place when its mapping was made or confirmed, `now` who can today.
    """
    refusal = _TABLE[standing, rules]
    if refusal is not None:
        return refusal
    if now is Audience.UNKNOWN:
        return Refusal.UNKNOWN
    return Refusal.WIDENED if widened(recorded, now) else None


def widened(recorded: Audience | None, now: Audience) -> bool:
    """Whether more people can read the place than was recorded; where that is not known, it counts as more."""
    return recorded is not None and (recorded is Audience.UNKNOWN or now > recorded)
