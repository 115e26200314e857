"""Whatever is drawn at random anywhere, drawn from a seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    """Ids of turns, nonces and the jitter of back-offs are the same for the same seed."""
    random.seed(seed)
    # `secrets` draws from the name that `random` has for it; what libraries draw once in a process shifts no id of ours
    drawn, secret = random.Random(seed).randbytes, random.Random(~seed).randbytes
    with mock.patch.object(os, "urandom", drawn), mock.patch.object(random, "_urandom", secret):
        yield
