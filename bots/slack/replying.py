"""What is said outside of answers, after Slack was acknowledged: private notices, and the tasks that bring them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from bots.slack import blocks
from bots.slack.installed import Installed
from bots.slack.privately import Privately, Somebody
from core import logs
from core.conversation.values import Asker, Notice, ThreadRef
from core.errors import AskrepoError

log = logs.get(__name__)


class Tasks:
    """Work that goes on after Slack was acknowledged; awaited at the end, and never lost to the garbage collector."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it now; what fails is logged."""
        task = asyncio.create_task(self._guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AskrepoError as error:
            log.warning("not done", reason=str(error), kind=type(error).__name__)
        except Exception:
            log.exception("not done")

    async def finished(self, seconds: float) -> None:
        """Wait for what runs, so long at most; then end it."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class Replying:
    """Says things to one person, and stops answers."""

    def __init__(
        self,
        privately: Privately,
        tasks: Tasks,
        stop: Callable[[ThreadRef], Awaitable[int]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._privately = privately
        self._tasks = tasks
        self.stop = stop
        self.now = now

    def soon(
        self, installed: Installed, thread: ThreadRef, asker: Asker, notice: Notice, *, at: str = "", turn_id: str = ""
    ) -> None:
        """Show a notice to this person alone, in the thread; `at` is the post it is about.

        Slack shows what is private only in threads that have replies: about a post that stands alone, in the channel.
        """
        somebody = Somebody(
            installed, asker.user_id, thread.channel, None if at == thread.thread_id else thread.thread_id
        )
        self._tasks.start(self._privately.say(somebody, notice.text, *blocks.offered(notice, turn_id)))
