"""What happened to each question, seen from outside: from the platform, the database and the /chat service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from core.conversation.values import ChannelRef, Outcome, ThreadRef


@dataclass(frozen=True, slots=True)
class Key:
    """What names a question for everybody: the place it was asked in, and its message there."""

    thread: ThreadRef
    message_id: str


@dataclass(frozen=True, slots=True)
class Binding:
    """What the questions of a channel are asked with."""

    repository: str
    token: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, at so many seconds."""

    at: float


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """Somebody asked; `order` sorts the questions of a thread. No other question holds its `word`."""

    key: Key
    order: int
    word: str


@dataclass(frozen=True, slots=True)
class Acked(Event):
    """The platform was told that the question is kept."""

    key: Key


@dataclass(frozen=True, slots=True)
class Leased(Event):
    """A worker may answer a turn from now on."""

    turn_id: str
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class Called(Event):
    """The /chat service was asked, last of all the question `key`; `words` are those of the whole conversation.

    `asked` are those of its questions alone. `sent_at` is when its worker let go of the request: a slow network is not
    its fault. `generation` 0 is not known.
    """

    key: Key
    repository: str
    token: str
    words: tuple[str, ...]
    generation: int = 0
    sent_at: float | None = None
    worker: str = ""
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Posted(Event):
    """A worker changed what a thread shows of a turn; `generation` is that of the text, if it says so."""

    turn_id: str
    thread: ThreadRef
    worker: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Told(Event):
    """A notice about a turn was shown; `doubted`, if its worker could not know that it was."""

    turn_id: str
    thread: ThreadRef
    worker: str
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Reworded(Event):
    """A question has another word from now on."""

    key: Key
    word: str


@dataclass(frozen=True, slots=True)
class Erased(Event):
    """A question's author deleted it."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class Overtaken(Event):
    """A question's author deleted it, and that was heard of before the question itself."""

    key: Key


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """Somebody wants a turn to end without an answer."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """A turn has its outcome; `answered_with` is the turn whose answer covers it, if it is another's.

    `stays`: asked again, it was refused, and has the answer that it had.
    """

    turn_id: str
    outcome: Outcome
    answered_with: str | None = None
    stays: bool = False

    @property
    def answered(self) -> bool:
        """Whether it was answered now."""
        return self.outcome is Outcome.ANSWERED and not self.stays


@dataclass(frozen=True, slots=True)
class Reopened(Event):
    """A turn that had its outcome, or a notice about words it has no more, is to be answered once more."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class Begun(Event):
    """In a thread nothing counts any more that was asked before `order`."""

    thread: ThreadRef
    order: int


@dataclass(frozen=True, slots=True)
class Bound(Event):
    """What a channel's questions may be asked with from now on: nothing, or one of these."""

    channel: ChannelRef
    bindings: frozenset[Binding]


@dataclass(frozen=True, slots=True)
class Visible:
    """A post that stands in a thread when all is over; `final` if it is the end of an answer."""

    turn_id: str
    thread: ThreadRef
    number: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A turn as the database has it when all is over.

    `erased`: its author deleted it. `begun`: a worker had it at least once. `texts` counts those that are kept.
    """

    turn_id: str
    key: Key
    outcome: Outcome | None
    answered_with: str | None = None
    erased: bool = False
    begun: bool = True
    texts: int = 0


Kind = TypeVar("Kind", bound=Event)


@dataclass(slots=True)
class History:
    """All that happened, in order, and what is left of it."""

    events: list[Event] = field(default_factory=list)
    visible: list[Visible] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    bindings: dict[ChannelRef, Binding] = field(default_factory=dict)  # where they never change

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        """The events of one kind."""
        return (event for event in self.events if isinstance(event, kind))
