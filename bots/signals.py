"""The signals of a process, heard in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping


@contextlib.contextmanager
def handled(handlers: Mapping[str, Callable[[], object]]) -> Iterator[None]:
    """Call these in the event loop while the context is open, each for the signal it is named by, where that exists."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        for name, handler in handlers.items():
            if name in signal.Signals.__members__:
                with contextlib.suppress(NotImplementedError):  # event loops of Windows hear no signals
                    loop.add_signal_handler(signal.Signals[name], handler)
                    stack.callback(loop.remove_signal_handler, signal.Signals[name])
        yield
