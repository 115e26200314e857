"""Rules for what changes while a question is answered: its words, whether it is wanted, what it may be asked with."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from core.relay.claims import LEASE_SECONDS
from tests.proof.history import (
    Asked,
    Begun,
    Binding,
    Bound,
    Called,
    Ended,
    Erased,
    Event,
    History,
    Key,
    Leased,
    Overtaken,
    Posted,
    Reopened,
    Reworded,
    StopAsked,
)
from tests.proof.marks import generation_of


class _Bindings:
    """What could be used in each channel, and when."""

    def __init__(self, history: History) -> None:
        self._times: defaultdict[ChannelRef, list[float]] = defaultdict(list)
        self._sets: defaultdict[ChannelRef, list[frozenset[Binding]]] = defaultdict(list)
        for event in history.of(Bound):
            self._times[event.channel].append(event.at)
            self._sets[event.channel].append(event.bindings)

    def known(self, channel: ChannelRef) -> bool:
        """Whether anything was written down of this channel."""
        return channel in self._times

    def usable(self, channel: ChannelRef, since: float, until: float) -> frozenset[Binding]:
        """All that could be used there at some time in between."""
        times, sets = self._times[channel], self._sets[channel]
        first = max(0, bisect_right(times, since) - 1)
        if times[first] == since and first:
            first -= 1  # at that very moment it changed
        return frozenset().union(*sets[first : bisect_right(times, until)])


def _sent_with_what_is_bound(history: History) -> Iterator[str]:
    """P5: a request goes out with a repository and a token that are bound to the channel at that moment."""
    bindings = _Bindings(history)
    for event in history.of(Called):
        channel, sent_at = event.key.thread.channel, event.at if event.sent_at is None else event.sent_at
        if bindings.known(channel):
            usable = bindings.usable(channel, sent_at, sent_at)
            if Binding(event.repository, event.token) not in usable:
                yield f"P5: at {sent_at:.3f} {event.key} was asked about {event.repository}, not bound there then"


def _thread_stays(history: History) -> Iterator[str]:
    """A thread stays on the repository it began with."""
    first: dict[ThreadRef, str] = {}
    for event in history.of(Called):
        if first.setdefault(event.key.thread, event.repository) != event.repository:
            yield f"P5: {event.key} was asked about {event.repository}, its thread is about another"


def _shown_while_bound(history: History) -> Iterator[str]:
    """Nothing of an answer is shown, beyond a lease's time, once what it was asked with is bound there no more.

    One that is recorded as answered was asked with what is bound there at that moment.
    """
    bindings = _Bindings(history)
    asked_with = {event.generation: event for event in history.of(Called)}
    shown: dict[str, int] = {}
    for event in history.events:
        if isinstance(event, Posted) and (called := asked_with.get(event.generation)):
            shown[event.turn_id] = event.generation
            yield from _bound(bindings, called, event.at - LEASE_SECONDS, event.at, f"{event.turn_id} went on")
        elif isinstance(event, Ended) and event.answered and event.answered_with is None:
            called = asked_with.get(shown.get(event.turn_id, 0))
            if called is not None:
                yield from _bound(bindings, called, event.at, event.at, f"{event.turn_id} ended as answered")


def _bound(bindings: _Bindings, called: Called, since: float, until: float, name: str) -> Iterator[str]:
    channel = called.key.thread.channel
    if bindings.known(channel):
        usable = bindings.usable(channel, max(since, 0.0), until)
        if Binding(called.repository, called.token) not in usable:
            yield f"P5: {name} at {until:.3f} with {called.repository}, which is not bound there any more"


class _Sendable:
    """Follows a history, and knows which words may be sent with a turn that was leased at some moment of it."""

    def __init__(self, history: History) -> None:
        self._keys = {turn.turn_id: turn.key for turn in history.stored}
        self._turn_ids = {key: turn_id for turn_id, key in self._keys.items()}
        self._orders = {event.key: event.order for event in history.of(Asked)}
        self._word_of: dict[Key, str] = {}
        self._key_of: dict[str, Key] = {}
        self._stale: dict[str, int] = {}  # words, and since which event they are
        self._ended: dict[str, int] = {}
        self._begun: dict[ThreadRef, tuple[int, int]] = {}
        self._leased: dict[tuple[str, str], int] = {}

    def happened(self, number: int, event: Event) -> None:
        """The next event."""
        match event:
            case Asked() | Reworded():
                self._forget(event.key, number)
                self._word_of[event.key], self._key_of[event.word] = event.word, event.key
            case Erased() if event.turn_id in self._keys:
                self._forget(self._keys[event.turn_id], number)
            case Begun():
                self._begun[event.thread] = number, event.order
            case Ended():
                self._ended[event.turn_id] = number
            case Reopened():
                self._ended.pop(event.turn_id, None)
            case Leased():
                self._leased[event.turn_id, event.worker] = number

    def _forget(self, key: Key, number: int) -> None:
        if key in self._word_of:
            self._stale[self._word_of[key]] = number

    def problems(self, number: int, event: Called) -> Iterator[str]:
        """What was sent with a turn although it had been known, when it was leased, that it should not be."""
        since = self._leased.get((self._turn_ids.get(event.key, ""), event.worker))
        if since is None:
            return
        closed, start = self._begun.get(event.key.thread, (number, 0))
        for word in event.asked:
            key = self._key_of.get(word)
            if self._stale.get(word, number) < since:
                yield f"P12: {word}, edited or deleted before, was sent with {event.key}"
            elif key is not None and self._orders[key] < start:
                ended = self._ended.get(self._turn_ids[key], number)
                if max(closed, ended) < since:
                    yield f"P4: {word}, asked before a fresh start, was sent with {event.key}"


def _nothing_stale_is_sent(history: History) -> Iterator[str]:
    """What was reworded, deleted or closed by a fresh start before a turn was leased is not sent with it."""
    sendable = _Sendable(history)
    for number, event in enumerate(history.events):
        if isinstance(event, Called):
            yield from sendable.problems(number, event)
        else:
            sendable.happened(number, event)


def _as_it_is_worded(history: History) -> Iterator[str]:
    """Who was answered was answered as they had worded it by then, each of those that one answer covers."""
    last = {turn.answered_with or turn.turn_id: turn for turn in history.stored}
    keys = {turn.turn_id: turn.key for turn in history.stored if not turn.erased}
    sent = {event.generation: event.asked for event in history.of(Called)}
    final: dict[str, int] = {}
    for each in sorted(history.visible, key=lambda post: -post.number):
        final[each.turn_id] = generation_of(each.text)
    word_of: dict[Key, str] = {}
    answered: dict[str, tuple[str, str]] = {}
    for event in history.events:
        if isinstance(event, Asked | Reworded):
            word_of[event.key] = event.word
        elif isinstance(event, Reopened):
            answered.pop(event.turn_id, None)
        elif isinstance(event, Ended) and event.answered and event.turn_id in keys:
            answered[event.turn_id] = event.answered_with or event.turn_id, word_of[keys[event.turn_id]]
    for turn_id, (leader, word) in answered.items():
        generation = final.get(leader, 0)
        if leader in last and generation in sent and word not in sent[generation]:
            yield f"P3: {turn_id} was answered as it is not worded: {word} was not sent"


def _stopped_if_asked(history: History) -> Iterator[str]:
    """A turn ends as stopped only if somebody wanted that; and /chat is not asked for one that nobody wants."""
    turn_ids = {turn.key: turn.turn_id for turn in history.stored}
    unwanted: dict[str, int] = {}
    leased: dict[tuple[str, str], int] = {}
    for number, event in enumerate(history.events):
        if isinstance(event, StopAsked | Erased):
            unwanted.setdefault(event.turn_id, number)
        elif isinstance(event, Reopened):
            unwanted.pop(event.turn_id, None)
        elif isinstance(event, Reworded):  # the stop was about the words before
            unwanted.pop(turn_ids.get(event.key, ""), None)
        elif isinstance(event, Leased):
            leased[event.turn_id, event.worker] = number
        elif isinstance(event, Ended):
            if event.outcome is Outcome.STOPPED and not event.answered_with and event.turn_id not in unwanted:
                yield f"P3: {event.turn_id} was stopped, and nobody wanted that"
        elif isinstance(event, Called):
            turn_id = turn_ids.get(event.key, "")
            if unwanted.get(turn_id, number) < leased.get((turn_id, event.worker), 0):
                yield f"P3: {turn_id} was asked although it had been stopped"


def _forgotten(history: History) -> Iterator[str]:
    """Of a question that its author deleted no text is kept."""
    for turn in history.stored:
        if turn.erased and turn.texts:
            yield f"P12: of {turn.turn_id}, which was deleted, {turn.texts} texts are kept"


def _overtaken(history: History) -> Iterator[str]:
    """A question that was deleted before it came is kept as such, and nobody answers it."""
    turns = {turn.key: turn for turn in history.stored}
    for event in history.of(Overtaken):
        turn = turns.get(event.key)
        if turn is None or turn.begun or not turn.erased:
            yield f"P12: {event.key} was deleted before it came, and taken for a question"


def _begun_once(history: History) -> Iterator[str]:
    """A fresh start that is delivered again does not undo a later one."""
    newest: dict[ThreadRef, int] = {}
    for event in history.of(Begun):
        if event.order <= newest.get(event.thread, 0):
            yield f"P12: in {event.thread} what was forgotten up to {newest[event.thread]} counts from {event.order}"
        newest[event.thread] = event.order


RULES: tuple[Callable[[History], Iterator[str]], ...] = (
    _sent_with_what_is_bound,
    _thread_stays,
    _shown_while_bound,
    _nothing_stale_is_sent,
    _as_it_is_worded,
    _stopped_if_asked,
    _forgotten,
    _overtaken,
    _begun_once,
)
