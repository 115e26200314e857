"""Requests that were taken already: a signature is good for one delivery.

Slack signs each retry anew, so a signature that comes twice is a repetition by somebody in between: a thief, or a
proxy that got no answer. Hence a signature is spent only by an answer that acknowledges the request; one that failed
may be repeated. While the first copy is worked on the second is refused: should the first fail, Slack still retries.
A signature need not be remembered longer than the time in it passes.

Each process remembers for itself, since a row for each request would cost more than what is left: of several `web`
processes each may take a copy once. A question in it meets its natural key, a form its ticket, which the database
redeems once; `mute`, `unmute` and `new` change nothing twice; `retry` is refused while an answer runs; `stop` may end
the next answer of that thread, where everybody sees it and can ask again.
"""

from __future__ import annotations

from collections import OrderedDict

from bots.slack.verify import WINDOW_SECONDS

KEPT_SECONDS = 2 * WINDOW_SECONDS + 60  # a sender's clock may be ahead by the window; and a minute for ours
_MOST = 100_000  # some 20 MB; signed requests only, so nobody else can fill it


class Memory:
    """The signatures that this process took, up to a number; beyond it the oldest are forgotten.

    Then a replay in time would pass again, and meet the natural key of its question.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def take(self, signature: bytes, now: float) -> bool:
        """Remember a proven signature for KEPT_SECONDS; False if it is remembered already."""
        while self._until and next(iter(self._until.values())) < now:
            self._until.popitem(last=False)
        if signature in self._until:
            return False
        self._until[signature] = now + KEPT_SECONDS
        if len(self._until) > self._most:
            self._until.popitem(last=False)
        return True

    def release(self, signature: bytes) -> None:
        """Forget a signature whose request was not acknowledged."""
        self._until.pop(signature, None)
