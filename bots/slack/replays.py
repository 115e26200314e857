"""Requests that were taken already: a signature is good for one delivery.

Slack signs each retry anew, so a signature that comes twice is a repetition by somebody in between: a thief, or a
proxy that got no answer. Hence a signature is spent only by an answer that acknowledges the request; one that failed
may be repeated. While the first copy is worked on the second is refused: should the first fail, Slack still retries.
A signature need not be remembered longer than the time in it passes.

Each process remembers for itself, since a row for each request would cost more than what is left: of several `web`
processes each may take a copy once. A question in it meets its natural key, a form its ticket, which the database
redeems once; `new` changes nothing twice; `stop` ends nothing that was asked after it, unless an answer is given anew
since; `retry` is refused while an answer runs; `mute` and `unmute` hold as if said again, where everybody sees it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bots.slack.verify import WINDOW_SECONDS

KEPT_SECONDS = 2 * WINDOW_SECONDS + 60  # a sender's clock may be ahead by the window; and a minute for ours
_MOST = 100_000  # some 20 MB; signed requests only, so nobody else can fill it
_SPAN_SECONDS = 60.0  # of what is forgotten at once
_SPANS = 16  # at least, of a full memory


@dataclass(slots=True)
class _Span:
    """The signatures that were taken one after another, until the moment `last`."""

    first: float
    last: float
    signatures: set[bytes] = field(default_factory=set)


class Memory:
    """The signatures that this process took, up to a number; beyond it the oldest are forgotten.

    Then a replay in time would pass again, and meet the natural key of its question. They are kept in many small sets:
    one large table of them would be made anew every half an hour, each time at the end of a heap with holes in it.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._spans: deque[_Span] = deque()

    def __len__(self) -> int:
        return sum(len(span.signatures) for span in self._spans)

    def take(self, signature: bytes, now: float) -> bool:
        """Remember a proven signature for KEPT_SECONDS, and a span more; False if it is remembered already."""
        while self._spans and self._spans[0].last + KEPT_SECONDS < now:
            self._spans.popleft()
        if any(signature in span.signatures for span in self._spans):
            return False
        span = self._span(now)
        span.last = max(span.last, now)
        span.signatures.add(signature)
        if len(self) > self._most:
            self._spans.popleft()
        return True

    def release(self, signature: bytes) -> None:
        """Forget a signature whose request was not acknowledged."""
        for span in self._spans:
            span.signatures.discard(signature)

    def _span(self, now: float) -> _Span:
        """The one that is being filled."""
        newest = self._spans[-1] if self._spans else None
        if newest and now < newest.first + _SPAN_SECONDS and len(newest.signatures) < max(1, self._most // _SPANS):
            return newest
        self._spans.append(_Span(now, now))
        return self._spans[-1]
