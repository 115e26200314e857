"""Whatever is drawn at random anywhere, drawn from a seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from sqlalchemy.sql import selectable


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    """Ids of turns, nonces and the jitter of back-offs are the same for the same seed.

    What libraries draw once in a process shifts none of them: `secrets` draws from the name that `random` has for it,
    and SQLAlchemy names the aliases of a statement that is made once.
    """
    random.seed(seed)
    drawn, secret = random.Random(seed).randbytes, random.Random(~seed).randbytes
    names = SimpleNamespace(urandom=os.urandom)
    with (
        mock.patch.object(os, "urandom", drawn),
        mock.patch.object(random, "_urandom", secret),
        mock.patch.object(selectable, "os", names),
    ):
        yield
