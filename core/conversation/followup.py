"""Whether an unmentioned reply in a thread is for us.

A thread is crowded once people talk in it to each other. It stays so until somebody turns to us for a fresh start:
`new` or `unmute` after a mention. A mention alone is answered, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FollowUps(StrEnum):
    """Which unmentioned replies in our threads are answered, as an admin set it for a channel."""

    ALWAYS = "always"  # all but those that mention somebody else
    SMART = "smart"  # those of people who asked in the thread before, while it is not crowded
    MENTION = "mention"  # none

    @classmethod
    def of(cls, word: str | None) -> FollowUps:
        """What is stored: nothing is the default, and a word that a newer version wrote answers nothing unasked."""
        if word is None:
            return cls.SMART
        return cls(word) if word in set(cls) else cls.MENTION


@dataclass(frozen=True, slots=True)
class ThreadFacts:
    """What deciding depends on, of a thread in which something was asked, and of whoever writes there now."""

    mode: FollowUps
    muted: bool
    crowded: bool
    asked_before: bool  # this person, in this thread


class Reply(StrEnum):
    """What to do with an unmentioned reply."""

    ANSWER = "answer"
    IGNORE = "ignore"
    IGNORE_AND_CROWD = "ignore and crowd"


def decide(facts: ThreadFacts | None, *, mentions_others: bool, direct: bool) -> Reply:
    """What to do with a reply that does not mention us.

    `facts` is None in a thread where nothing was ever asked. `direct`: it was written to us alone, and is answered
    whatever else holds.
    """
    if direct:
        return Reply.ANSWER
    if facts is None or facts.muted or facts.mode is FollowUps.MENTION:
        return Reply.IGNORE
    if facts.mode is FollowUps.ALWAYS:
        return Reply.IGNORE if mentions_others else Reply.ANSWER
    if facts.crowded:
        return Reply.IGNORE
    return Reply.ANSWER if facts.asked_before and not mentions_others else Reply.IGNORE_AND_CROWD
