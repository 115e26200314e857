"""Why something that Slack delivered is not acted on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The name under which a delivery is passed over."""

    OWN = "own"  # a post of ours, or an edit of one
    BOT = "bot"  # another bot, an incoming webhook, Slackbot
    WORKFLOW = "workflow"
    SYSTEM = "system"  # joined, topic set, pinned and the like
    HIDDEN = "hidden"
    UNCHANGED = "unchanged"  # an edit that left the words alone: unfurled links, new replies, streams
    NOT_FOR_US = "not for us"  # neither a mention nor a direct message nor in a thread
    TOLD_TWICE = "told twice"  # a word that steers, a mention alone, or one with a token: its `app_mention` is acted on
    ANOTHER_BOT = "another bot of ours"  # mentioned in a shared channel; not the one it was delivered for
    SOMEBODY_ELSE = "somebody else"  # who left a channel was not the bot
    NO_WORKSPACE = "no workspace"  # nothing says for which workspace it was delivered
    MALFORMED = "malformed"
    UNUSED = "unused"  # a kind of delivery we have no use for


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and why."""

    reason: Reason
