"""Whether a question that got no text is sent again, and after what wait. Pure but for the jitter."""

from __future__ import annotations

import random

from core.chat.progress import Reason, Waiting
from core.errors import ChatError, ChatTimeout, Deadline, RateLimited, RepositoryIndexing, ServiceUnavailable

ATTEMPTS = 3  # sendings of one question to a service that is away or busy
INDEXING_SECONDS = 10.0  # before the one slow retry of a repository still being indexed
LONGEST_WAIT = 60.0  # seconds; a service that asks for more is told about, not waited for
WORTH_TELLING = 10.0  # seconds of waiting, all waits of one question together

_FIRST_BACKOFF = 0.5  # seconds, doubled with each attempt
_JITTER = 0.5  # seconds at most; keeps questions that failed together from coming back together


class Retries:
    """The retries of one question. After some text there are none: two generations are never spliced."""

    def __init__(self) -> None:
        self._sent = 1
        self._indexing_told = False
        self._waited = 0.0

    def after(self, error: ChatError, seconds_left: float) -> Waiting | None:
        """How long to wait before sending the question again; None if it is not, or not within `seconds_left`."""
        waiting = self._waiting(error)
        if waiting is None or waiting.seconds >= seconds_left:
            return None
        self._waited += waiting.seconds
        return waiting

    @property
    def worth_telling(self) -> bool:
        """Whether this question has waited so long that the asker should hear why."""
        return self._waited >= WORTH_TELLING

    def _waiting(self, error: ChatError) -> Waiting | None:
        if isinstance(error, RepositoryIndexing):
            known, self._indexing_told = self._indexing_told, True
            return None if known else Waiting(INDEXING_SECONDS, Reason.INDEXING)
        if not _passes(error) or self._sent >= ATTEMPTS:
            return None
        seconds = self._seconds(error)
        self._sent += 1
        if seconds is None:
            return None
        return Waiting(seconds, Reason.RATE_LIMITED if isinstance(error, RateLimited) else Reason.UNAVAILABLE)

    def _seconds(self, error: ChatError) -> float | None:
        asked = error.retry_after if isinstance(error, RateLimited | ServiceUnavailable) else None
        if asked is not None and asked > LONGEST_WAIT:
            return None
        wait = _FIRST_BACKOFF * 2 ** (self._sent - 1) if asked is None else asked
        return wait + random.uniform(0, _JITTER)  # noqa: S311 - spreads load, guards no secret


def _passes(error: ChatError) -> bool:
    if error.partial:
        return False
    if isinstance(error, ChatTimeout):
        return error.deadline in {Deadline.CONNECT, Deadline.FIRST_TOKEN}
    return isinstance(error, RateLimited | ServiceUnavailable)
