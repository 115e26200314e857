"""What became of a crowd's questions, as Slack, /chat and the database have it: a history that the checker takes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from core.conversation.values import ThreadRef
from core.database import Database
from tests.fakes.slack_values import Message
from tests.proof.checker import violations
from tests.proof.crowd import Crowd, Place, is_question
from tests.proof.history import Acked, Asked, Called, Event, History, Key, Leased, Stored, Told, Visible
from tests.proof.rims import PLACE_IN_LINE
from tests.proof.stored import stored

_SOMEBODY = "one of them"  # which process does what is not seen from outside
_SEEN = re.compile(r"seen: repository (\d+), token (\d+)\.")


@dataclass(frozen=True)
class Seen:
    """What a run came to."""

    asked: int
    rate: float  # questions a second
    outcomes: Counter[str]
    repeats: int  # calls of /chat for questions it had been asked before
    told_twice: int  # notices that were shown before
    unheard: int  # questions that Slack gave up on, and was never told that they are kept
    problems: list[str]

    def line(self) -> str:
        """In a line."""
        outcomes = ", ".join(f"{many} {name}" for name, many in sorted(self.outcomes.items()))
        return (
            f"{self.asked} questions, {self.rate:.1f} a second ({outcomes}; {self.unheard} that Slack gave up on), "
            f"{self.repeats} asked of /chat again, {self.told_twice} notices repeated, {len(self.problems)} violations"
        )


async def seen(crowd: Crowd, database: Database) -> Seen:
    """What stands in Slack once all turns have ended, held against the promises."""
    history = History(stored=await stored(database), bindings={place.ref: place.binding for place in crowd.places})
    refs = {place.channel: place.ref for place in crowd.places}
    keys = {
        word: Key(ThreadRef(refs[message.channel], message.root_ts), message.ts)
        for word, (_, message) in crowd.asked.items()
    }
    history.events += [Leased(0, turn.turn_id, 1, _SOMEBODY) for turn in history.stored]
    history.events += _events(crowd, keys)
    turns: defaultdict[object, list[Stored]] = defaultdict(list)
    for turn in history.stored:
        turns[turn.key.thread.channel].append(turn)
    askers = {keys[word]: message.author for word, (_, message) in crowd.asked.items()}
    for place in crowd.places:
        visible = list(_visible(place, turns[place.ref]))
        history.visible += visible
        silent = _silent(turns[place.ref], visible)
        for person in place.people:
            notices = crowd.slack.ephemerals(place.channel, person)
            history.events += _told(place, notices, [turn for turn in silent if askers.get(turn.key) is person])
    outcomes = Counter("covered" if turn.answered_with else str(turn.outcome) for turn in history.stored)
    repeats = len(crowd.heard) - len({each.word for each in crowd.heard})
    unheard = len(set(keys.values()) - {turn.key for turn in history.stored})
    times = sorted(at for at, _ in crowd.asked.values())
    rate = len(times) / (times[-1] - times[0])
    told = [event.turn_id for event in history.of(Told)]
    problems = [*violations(history), *_mixed(crowd, history)]
    return Seen(len(times), rate, outcomes, repeats, len(told) - len(set(told)), unheard, problems)


def _events(crowd: Crowd, keys: dict[str, Key]) -> Iterator[Event]:
    missed = {_where(each.payload) for each in crowd.slack.deliveries if is_question(each) and not each.acknowledged}
    for word, (at, message) in crowd.asked.items():
        yield Asked(at, keys[word], int(message.ts.replace(".", "")), word)
        if (message.channel.team.id, message.channel.id, message.ts) not in missed:
            yield Acked(at, keys[word])
    for each in crowd.heard:
        yield Called(each.at, keys[each.word], each.repository, each.token, each.words)


def _where(payload: dict[str, dict[str, str]]) -> tuple[object, ...]:
    event = payload["event"]
    return payload["team_id"], event["channel"], event["ts"]


def _visible(place: Place, turns: Sequence[Stored]) -> Iterator[Visible]:
    """The app's posts in a channel. One that does not say whose it is belongs to what began its thread."""
    first = {turn.key.thread: turn.turn_id for turn in reversed(turns)}
    for post in place.channel.messages.values():
        if post.author is place.installation.bot:
            thread = ThreadRef(place.ref, post.root_ts)
            named = (post.metadata or {}).get("event_payload", {})
            final = any(each["action_id"] == "retry" for each in post.buttons)
            turn_id, number = named.get("turn", first.get(thread, "")), named.get("number", 0)
            yield Visible(turn_id, thread, number, post.body, final)


def _silent(turns: Sequence[Stored], visible: Collection[Visible]) -> list[Stored]:
    """The turns that no post in the thread speaks for."""
    ended = {each.turn_id for each in visible if each.final}
    return [turn for turn in turns if turn.turn_id not in ended and turn.answered_with is None]


def _told(place: Place, notices: Sequence[Message], silent: Sequence[Stored]) -> Iterator[Told]:
    """What a person was told alone.

    A notice that does not say which question it is about speaks for the next that nothing else speaks for, or was told
    twice: where a process dies with it, or Slack's reply is lost, the next one cannot know.
    """
    waiting, turn_id = [turn.turn_id for turn in silent], ""
    threads = {turn.turn_id: turn.key.thread for turn in silent}
    for notice in notices:
        if notice.body.startswith(PLACE_IN_LINE):
            continue
        named = [each["value"] for each in notice.buttons if each.get("value") in threads]
        turn_id = named[0] if named else waiting[0] if waiting else turn_id
        if turn_id in waiting:
            waiting.remove(turn_id)
        nowhere = ThreadRef(place.ref, "")
        # its worker may have died before it could know
        yield Told(0, turn_id, threads.get(turn_id, nowhere), _SOMEBODY, doubted=True)


def _mixed(crowd: Crowd, history: History) -> Iterator[str]:
    """Answers that say themselves that they come from another place's repository, or with its token."""
    numbers = {place.ref: str(place.number) for place in crowd.places}
    for each in history.visible:
        for what in _SEEN.findall(each.text):
            if set(what) != {numbers[each.thread.channel]}:
                yield f"P5: {each.turn_id} was asked with {what} for place {numbers[each.thread.channel]}"
