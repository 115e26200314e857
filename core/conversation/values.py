"""The values that cross every border. Frozen, with no client, session or secret inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

UNSAID = "unsaid:"  # begins the message id of a question that has no post of its own


@dataclass(frozen=True, slots=True)
class WorkspaceRef:
    """A Slack team, a Discord guild, or the user of one machine's console."""

    platform: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """Where people talk; of a Discord thread, its parent. Always all three: channel ids repeat across workspaces."""

    platform: str
    workspace_id: str
    channel_id: str

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace this channel belongs to."""
        return WorkspaceRef(self.platform, self.workspace_id)


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """One conversation. Slack: `thread_ts`, or the message's own `ts`. Discord: the thread channel's id."""

    channel: ChannelRef
    thread_id: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked. `name` is display text and identifies nobody."""

    user_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, where, by whom.

    (channel, message_id) is its natural key: any number of deliveries with that key are one question. `order` sorts
    the questions of one thread and comes from the platform's message id, not from the time of arrival. `reference` is
    what the platform needs to act on it later; opaque to the core, and stored sealed. `occasion` is another one each
    time there may be something new to say about it, and the same for whoever tries once more to say that. `edited` is
    when its words were last changed: microseconds of the platform's clock, 0 for never.
    """

    thread: ThreadRef
    message_id: str
    order: int
    asker: Asker
    text: str
    asked_at: datetime
    reference: str = field(default="", repr=False)
    occasion: str = ""
    edited: int = 0

    @property
    def unsaid(self) -> bool:
        """Whether it came without a post of its own (a command, a shortcut) and has to be shown before its answer.

        If its thread's id is its own message id, its thread begins with that post, and has its id from then on.
        """
        return self.message_id.startswith(UNSAID)

    def age(self, now: datetime) -> float:
        """Seconds since it was asked; never negative, whatever the clocks say."""
        return max(0.0, (now - self.asked_at).total_seconds())


class Outcome(StrEnum):
    """The four ways a turn ends. A turn has exactly one."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a question, whole or marked as cut off by its outcome."""

    text: str
    repository: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what became of it. `answer` and `outcome` are None while it is open."""

    turn_id: str
    question: Question
    outcome: Outcome | None = None
    answer: Answer | None = None


class Offer(StrEnum):
    """What a notice offers to do next, where the platform has buttons."""

    MAP = "map"  # map a repository to this channel; the question then runs by itself
    AGAIN = "again"  # ask the question again


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence of ours that is no answer: a refusal, a failure, help. Markdown."""

    text: str
    offer: Offer | None = None
