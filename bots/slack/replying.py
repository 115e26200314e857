"""What is said outside of answers, after Slack was acknowledged: private notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bots.slack import blocks
from bots.slack.installed import Installed
from bots.slack.privately import Privately, Somebody
from bots.tasks import Tasks
from core.conversation.values import Asker, Notice, ThreadRef


class Replying:
    """Says things to one person."""

    def __init__(
        self,
        privately: Privately,
        tasks: Tasks,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._privately = privately
        self._tasks = tasks
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
        buttons = blocks.offered(notice, turn_id)
        self._tasks.start(self._privately.say(somebody, notice.text, *buttons))
