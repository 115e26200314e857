"""What is said outside of answers, after Slack was acknowledged: private notices, and the tasks that bring them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bots.slack import blocks
from bots.slack.calls import Calls
from bots.slack.installed import Installed
from bots.slack.installs import Installs
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
        installs: Installs,
        calls: Calls,
        tasks: Tasks,
        stop: Callable[[ThreadRef], Awaitable[int]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._installs = installs
        self._calls = calls
        self._tasks = tasks
        self.stop = stop
        self.now = now

    def soon(self, installed: Installed, thread: ThreadRef, asker: Asker, notice: Notice, turn_id: str = "") -> None:
        """Show a notice to this person alone, in the thread."""
        self._tasks.start(self.say(installed, thread, asker, notice, turn_id))

    async def say(
        self, installed: Installed, thread: ThreadRef, asker: Asker, notice: Notice, turn_id: str = ""
    ) -> None:
        """The same, now. Raises DeliveryError."""
        workspace = thread.channel.workspace
        client = await self._installs.client(workspace, installed.enterprise_id)
        await self._calls.patiently(
            client,
            workspace,
            "chat.postEphemeral",
            caller=turn_id or uuid4().hex,
            channel=thread.channel.channel_id,
            user=asker.user_id,
            thread_ts=thread.thread_id,
            text=blocks.alternative(notice.text),
            blocks=blocks.notice(notice, turn_id),
        )
