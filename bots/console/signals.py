"""The signals of a session."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping


@contextlib.contextmanager
def handled(handlers: Mapping[str, Callable[[], object]]) -> Iterator[None]:
    """Call these in the event loop while the context is open, each for the signal it is named by, where that exists."""
    loop = asyncio.get_running_loop()
    numbers = {name: signal.Signals[name] for name in handlers if name in signal.Signals.__members__}
    for name, number in numbers.items():
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, handlers[name])
    try:
        yield
    finally:
        for number in numbers.values():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
