"""The port to a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.channels.access import Audience, Standing
from core.conversation.values import Notice, Outcome, Question
from core.wording import duration

_OUTCOMES = {Outcome.STOPPED: "stopped", Outcome.FAILED: "not answered", Outcome.REFUSED: "refused"}

ECHO = -1  # the number of the post that shows a question which came without one


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform takes: characters of one post, and seconds from one change of an answer to the next.

    An answer of more than `posts` posts is shown as far as that, and attached as a file. `found_growing`: while it
    grows a post has what `find` knows it by, and loses it when it is full. `native` words a sentence of ours as people
    of the platform say and type it.
    """

    characters: int
    seconds_between: float
    posts: int | None = None
    found_growing: bool = False
    native: Callable[[str], str] = str

    @property
    def seconds_late(self) -> float:
        """How many seconds reading may lag behind the stream, given how rarely the platform lets us change a post."""
        return min(self.seconds_between / 4, 0.3)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What only the platform knows about a question: who asks, who reads along, and what stands around it.

    `context` is Markdown: earlier posts of the thread, attached texts. `remarks` say what of them was left out.
    """

    standing: Standing
    audience: Audience
    context: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands under a finished answer."""

    outcome: Outcome
    repository: str | None  # None where the turn failed before one was chosen
    model: str | None
    seconds: float  # from asked to answered
    alias: str | None = None
    attached: bool = False  # the posts hold only the beginning, a file the whole

    def line(self, escaped: Callable[[str], str], in_code: Callable[[str], str] | None = None) -> str:
        """Repository, alias, model where known, time taken; `escaped` makes names be shown literally.

        `in_code` does so between backticks, where that is another matter.
        """
        parts = [f"`{(in_code or escaped)(self.repository)}`" if self.repository else ""]
        parts += [f"in:{escaped(self.alias)}" if self.alias else ""]
        parts += [escaped(self.model) if self.model else ""]
        parts += [duration(self.seconds), _OUTCOMES.get(self.outcome, "")]
        parts += ["the whole answer is in the attached file" if self.attached else ""]
        return " · ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Post:
    """One post of an answer, number 0 first. `post_id` is the platform's, None while it is not there.

    Number ECHO shows the question itself, where it came without a post. `full`: the answer goes on in another post,
    and this one stays as it is now. `attached`: it is a file that holds the text.
    """

    question: Question
    turn_id: str
    number: int
    post_id: str | None
    full: bool = False
    attached: bool = False


class Delivery(Protocol):
    """What the core asks of a platform: all of it, nothing optional.

    Each call may raise PlaceGone, NotYet or DeliveryFailed; the latter two are tried again. `show` may also raise
    PostGone, and NotAttached for a file. Calls for one answer come one at a time.
    """

    @property
    def limits(self) -> Limits:
        """What the platform takes."""
        ...

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        """Look around, once per attempt and before anything is shown; context only for the `first` of its thread.

        `since`: other organisations may not read along, and what the platform said of that before this moment, by
        `time.monotonic`, does not count.
        """
        ...

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """Make the post show exactly this Markdown, posting it if it has no id; return its id.

        The whole text each time, so that a resumed answer and a fresh one are the same call. Empty text is the sign
        that work has begun; `footer` comes with the last post of a finished answer.
        """
        ...

    async def withdraw(self, post: Post) -> None:
        """Remove a post that the answer no longer needs."""
        ...

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """Show a notice about this question, to the asker alone where the platform can."""
        ...

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """The posts of this turn that are there, number → id; asked after a doubt, before anything is posted anew.

        Raises PostUnknown where nobody can know: then nothing is posted twice.
        """
        ...
