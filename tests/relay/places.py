"""Places and questions for the tests of the relay."""

from __future__ import annotations

from datetime import UTC, datetime

from core.conversation.values import Asker, ChannelRef, Question, ThreadRef
from core.relay.shares import Rate, Share, Shares

_ALL = Share(1_000_000, Rate(60_000_000, 1_000_000))
# where limits are not what is tested
UNLIMITED = Shares(person=_ALL, channel=_ALL, workspace=_ALL, token=_ALL.rate, waiting=1_000_000)


def thread(name: str = "1", *, workspace: str = "W1", channel: str = "C1", platform: str = "console") -> ThreadRef:
    return ThreadRef(ChannelRef(platform, workspace, channel), name)


HERE = thread(platform="slack")


def question(
    text: str = "How does it work?",
    *,
    at: int = 1,
    within: ThreadRef | None = None,
    message_id: str | None = None,
    by: str = "U1",
) -> Question:
    within = within or thread()
    return Question(
        thread=within,
        message_id=message_id or f"{within.thread_id}:{at:06}",
        order=at,
        asker=Asker(by),
        text=text,
        asked_at=datetime.now(UTC),
    )
