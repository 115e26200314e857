"""How long we keep trying to tell an asker something that the platform does not take just now."""

from __future__ import annotations

from datetime import UTC, datetime

from core.conversation.values import Question
from core.relay.claims import Claim

_WORD_SECONDS = 3_600.0  # in a direct message: after this nobody expects a word any more
# on the platform as a whole: who has to mend what keeps us out may do so on the next morning only
_NOTICE_SECONDS = 86_400.0
_NOTICE_ATTEMPTS = 10  # some minutes, for one that nobody came to before the day was over


def age(question: Question) -> float:
    """Seconds since it was asked."""
    return max(0.0, (datetime.now(UTC) - question.asked_at).total_seconds())


def word_expected(claim: Claim) -> bool:
    """Whether a word is still expected where the thread itself is closed to us."""
    return claim.waited < _WORD_SECONDS


def in_vain(claim: Claim) -> bool:
    """Whether a turn that ends with a notice was tried often and long enough to give up telling anybody.

    One without a notice gets one once it is late, so every turn ends.
    """
    return claim.declined is not None and claim.attempt >= _NOTICE_ATTEMPTS and claim.waited >= _NOTICE_SECONDS
