"""What a platform said a moment ago: whom it is asked for anew."""

from __future__ import annotations

import asyncio
from itertools import count

from bots.memory import Memory


async def test_who_wants_it_fresh_shares_with_others_only_what_is_asked_after_that() -> None:
    asked, asking, go_on = list[str](), asyncio.Event(), asyncio.Event()

    async def ask() -> int:
        asked.append("what?")
        number = len(asked)
        asking.set()
        await go_on.wait()
        return number

    memory = Memory[str, int](count(step=0.001).__next__)
    go_on.set()
    assert [await memory.get("this", ask) for _ in range(2)] == [1, 1]
    go_on.clear()
    asking.clear()
    first = asyncio.create_task(memory.get("this", ask, fresh=True))
    await asking.wait()
    others = [asyncio.create_task(memory.get("this", ask, fresh=True)) for _ in range(5)]
    await asyncio.sleep(0)  # they wait
    go_on.set()
    assert await asyncio.gather(first, *others) == [2, 3, 3, 3, 3, 3]
    assert await memory.get("this", ask) == 3
