"""What a platform said a moment ago: when it is asked anew."""

from __future__ import annotations

from itertools import count

import pytest

from bots.memory import Memory
from core.errors import NotYet


async def test_who_has_to_try_again_takes_what_was_said_meanwhile() -> None:
    """Each of many, in the platform's pace, would else ask for itself."""
    clock, asked = count(step=0.001).__next__, list[str]()
    memory = Memory[str, int](clock)

    async def ask() -> int:
        asked.append("what?")
        return len(asked)

    async def too_soon() -> int:
        raise NotYet(1.5)

    assert [await memory.get("this", ask) for _ in range(2)] == [1, 1]
    since = clock()
    for _ in range(2):
        with pytest.raises(NotYet):
            await memory.get("this", too_soon, since=since)
    assert [await memory.get("this", ask, since=since) for _ in range(2)] == [2, 2]
    assert await memory.get("this", ask) == 2
    assert await memory.get("this", ask, since=clock()) == 3
