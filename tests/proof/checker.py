"""Holds a history against the promises: what is broken, in words, with the turn it broke for.

P2 ack means kept; P3 one question, one outcome; P4 right place; P5 right token; P10 never silent; P11 all of it,
whatever is killed. Beside them the order within a thread, the fence, and that no two generations of an answer are
spliced.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from core.conversation.values import Outcome, ThreadRef
from tests.proof import midway
from tests.proof.history import (
    Acked,
    Asked,
    Called,
    Ended,
    History,
    Key,
    Leased,
    Posted,
    Reopened,
    Reworded,
    Stored,
    Told,
    Visible,
)
from tests.proof.marks import marks


def violations(history: History) -> list[str]:
    """Everything in this history that breaks a promise."""
    return [problem for rule in _RULES for problem in rule(history)]


def _acked_is_kept(history: History) -> Iterator[str]:
    stored = Counter(turn.key for turn in history.stored)
    for event in history.of(Acked):
        if not stored[event.key]:
            yield f"P2: acknowledged and lost: {event.key}"
    yield from (f"P3: {many} turns of one question: {key}" for key, many in stored.items() if many > 1)


def _one_outcome(history: History) -> Iterator[str]:
    """What people see at the end is exactly what is recorded, once."""
    finals: Counter[str] = Counter(each.turn_id for each in history.visible if each.final)
    posts: defaultdict[str, list[Visible]] = defaultdict(list)
    told: defaultdict[str, list[Told]] = defaultdict(list)
    for each in history.visible:
        posts[each.turn_id].append(each)
    reopened: set[str] = set()
    for event in history.events:
        if isinstance(event, Told) and event.turn_id not in reopened:
            told[event.turn_id].append(event)
        elif isinstance(event, Reopened):  # what was said before is not its outcome any more, nor what is under way
            told.pop(event.turn_id, None)
            reopened.add(event.turn_id)
        elif isinstance(event, Leased):
            reopened.discard(event.turn_id)
        elif isinstance(event, Ended) and event.stays:  # it is told why it is not answered anew
            told.pop(event.turn_id, None)
    leaders = {turn.turn_id: turn for turn in history.stored}
    for turn in history.stored:
        yield from _outcome(turn, leaders, finals, posts[turn.turn_id], told[turn.turn_id])


def _outcome(
    turn: Stored, turns: dict[str, Stored], finals: Counter[str], posts: list[Visible], told: list[Told]
) -> Iterator[str]:
    name = f"{turn.turn_id} ({turn.key.message_id}, {turn.outcome})"
    if turn.outcome is None:
        yield f"P10: no outcome: {name}"
    elif turn.answered_with is not None:
        leader = turns.get(turn.answered_with)
        if leader is None or leader.key.thread != turn.key.thread or not (finals[leader.turn_id] or turn.erased):
            yield f"P3: covered by an answer that is not there: {name}"
        if posts:
            yield f"P3: covered, and shown as well: {name}"
    elif turn.erased and not turn.begun:
        if posts or told:
            yield f"P3: left out, and shown as well: {name}"
    elif finals[turn.turn_id] + bool(told) != 1:
        yield f"P3: {finals[turn.turn_id]} answers and {len(told)} notices: {name}"
    if len({post.number for post in posts}) != len(posts):
        yield f"P3: one post of an answer shown twice: {name}"
    if posts and not finals[turn.turn_id] and turn.outcome is not None:
        yield f"P10: something is shown that never ends: {name}"


def _told_once(history: History) -> Iterator[str]:
    """A worker that knows that its notice is shown does not show it again while it holds the turn."""
    told: set[str] = set()
    for event in history.events:
        if isinstance(event, Leased):
            told.discard(event.turn_id)
        elif isinstance(event, Told) and not event.doubted:
            if event.turn_id in told:
                yield f"P3: {event.turn_id} was told twice without a doubt"
            told.add(event.turn_id)


def _right_place(history: History) -> Iterator[str]:
    places = {turn.turn_id: turn.key.thread for turn in history.stored}
    shown: list[tuple[str, ThreadRef]] = [(each.turn_id, each.thread) for each in history.visible]
    shown += [(event.turn_id, event.thread) for event in history.of(Posted)]
    shown += [(event.turn_id, event.thread) for event in history.of(Told)]
    for turn_id, thread in dict.fromkeys(shown):
        if places.get(turn_id) != thread:
            yield f"P4: {turn_id} was shown in {thread}"


def _right_token(history: History) -> Iterator[str]:
    for event in history.of(Called):
        binding = history.bindings.get(event.key.thread.channel)
        if binding is None:
            continue
        if event.repository != binding.repository:
            yield f"P5: asked about {event.repository} for {event.key}"
        if event.token != binding.token:
            yield f"P5: another channel's token was sent for {event.key}"


def _no_foreign_word(history: History) -> Iterator[str]:
    """A conversation holds the words of its own thread, and no other."""
    threads = {event.word: event.key.thread for event in history.events if isinstance(event, Asked | Reworded)}
    for event in history.of(Called):
        if any(threads.get(word) != event.key.thread for word in event.words):
            yield f"P4: words of another thread were sent with {event.key}"


def _fenced(history: History) -> Iterator[str]:
    """Once a turn is leased to another worker, the one before shows nothing more."""
    holder: dict[str, str] = {}
    for event in history.events:
        if isinstance(event, Leased):
            holder[event.turn_id] = event.worker
        elif isinstance(event, Posted | Told) and holder.get(event.turn_id) != event.worker:
            yield f"fence: {event.worker} showed {event.turn_id} at {event.at:.3f}, held by {holder.get(event.turn_id)}"


def _attempts_rise(history: History) -> Iterator[str]:
    last: dict[str, int] = {}
    for event in history.of(Leased):
        if event.attempt <= last.get(event.turn_id, 0):
            yield f"fence: {event.turn_id} was leased twice as attempt {event.attempt}"
        last[event.turn_id] = event.attempt


def _in_order(history: History) -> Iterator[str]:
    """In one thread nothing is shown of a turn once a later one has been, if it was known when that one was leased.

    What is asked again is shown again where it stands.
    """
    turns = {turn.turn_id: turn.key for turn in history.stored}
    orders = {event.key: event.order for event in history.of(Asked)}
    known: defaultdict[ThreadRef, set[Key]] = defaultdict(set)
    known_to: dict[str, frozenset[Key]] = {}
    again: set[str] = set()
    shown: dict[ThreadRef, tuple[int, str]] = {}
    for event in history.events:
        if isinstance(event, Acked):
            known[event.key.thread].add(event.key)
        elif isinstance(event, Reopened):
            again.add(event.turn_id)
        elif isinstance(event, Leased) and event.turn_id in turns:
            known_to.setdefault(event.turn_id, frozenset(known[turns[event.turn_id].thread]))
        elif isinstance(event, Posted) and event.turn_id in turns and event.turn_id not in again:
            key = turns[event.turn_id]
            order = orders.get(key, 0)
            newest, turn_id = shown.get(event.thread, (order, event.turn_id))
            if order < newest and key in known_to.get(turn_id, frozenset()):
                yield f"order: {event.turn_id} was shown after {turn_id}, which was asked later"
            shown[event.thread] = max((order, event.turn_id), (newest, turn_id))


def _whole(history: History) -> Iterator[str]:
    """An answer is of one generation, in order; one that ended as answered is whole, and one to its own questions.

    One that broke off was asked together with others of its thread, which then have answers of their own; and so have
    those that were edited while they were answered with it.
    """
    words: defaultdict[Key, set[str]] = defaultdict(set)
    for event in history.events:
        if isinstance(event, Asked | Reworded):
            words[event.key].add(event.word)
    covered: defaultdict[str, set[str]] = defaultdict(set)
    keys = {turn.turn_id: turn.key for turn in history.stored}
    for ended in history.of(Ended):  # also what was asked again by itself since: that answer stays as it is
        if ended.answered_with is not None:
            covered[ended.answered_with] |= words[keys[ended.turn_id]]
    of_thread: defaultdict[ThreadRef, set[str]] = defaultdict(set)
    changed: defaultdict[ThreadRef, set[str]] = defaultdict(set)
    for turn in history.stored:
        covered[turn.answered_with or turn.turn_id] |= words[turn.key]
        of_thread[turn.key.thread] |= words[turn.key]
        if turn.erased or len(words[turn.key]) > 1:
            changed[turn.key.thread] |= words[turn.key]
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for each in sorted(history.visible, key=lambda post: post.number):
        texts[each.turn_id].append(each.text)
    for turn in history.stored:
        answered = turn.outcome is Outcome.ANSWERED and turn.answered_with is None
        its_own = covered[turn.turn_id] | changed[turn.key.thread] if answered else of_thread[turn.key.thread]
        yield from _text(turn.turn_id, "".join(texts[turn.turn_id]), its_own, answered=answered)


def _text(turn_id: str, text: str, its_own: set[str], *, answered: bool) -> Iterator[str]:
    pieces = marks(text)
    if len({piece.generation for piece in pieces}) > 1:
        yield f"P3: {turn_id} shows two generations"
    if [piece.number for piece in pieces] != list(range(len(pieces))):
        yield f"P3: {turn_id} shows pieces of an answer out of order, or not all of them"
    if answered and (not pieces or len(pieces) != pieces[0].of):
        yield f"P3: {turn_id} is recorded as answered, and not whole"
    if any(piece.word not in its_own for piece in pieces):
        yield f"P4: {turn_id} shows the answer to another question"


_RULES: tuple[Callable[[History], Iterator[str]], ...] = (
    _acked_is_kept,
    _one_outcome,
    _right_place,
    _right_token,
    _told_once,
    _no_foreign_word,
    _fenced,
    _attempts_rise,
    _in_order,
    _whole,
    *midway.RULES,
)
