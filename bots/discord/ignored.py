"""Why something that Discord delivered is not acted on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The name under which a delivery is passed over."""

    OWN = "own"  # a post of ours, or an edit of one
    BOT = "bot"  # another bot
    WEBHOOK = "webhook"  # and posts of followed channels, which arrive by one
    SYSTEM = "system"  # joined, pinned, thread opened, the empty beginning of a thread, and the like
    UNCHANGED = "unchanged"  # an edit that no person made: links that unfurl, pins, new flags
    NOT_FOR_US = "not for us"  # neither a mention nor a reply to us nor a direct message nor in a thread
    GROUP = "group"  # a group of people's own: nothing says whose repository would be meant
    NO_PLACE = "no place"  # nothing says where it stands
    MALFORMED = "malformed"
    UNUSED = "unused"  # a kind of delivery we have no use for


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and why."""

    reason: Reason
