"""What a database went through, told by the database itself: triggers write down each change as it is made.

What was rolled back leaves no trace. Whoever reads it makes events of it: who was leased what, what ended, was stopped,
edited, deleted or asked again, and what a channel's questions may be asked with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from tests.proof.history import (
    Begun,
    Binding,
    Bound,
    Ended,
    Erased,
    Event,
    Key,
    Leased,
    Reopened,
    Reworded,
    StopAsked,
)

_OPEN = frozenset({"waiting", "running"})
_STILL_OPEN = "OLD.status IN ('waiting', 'running') AND NEW.status IN ('waiting', 'running')"
_COLUMNS = "seq, what, platform, workspace_id, channel_id, named, message_id, thread_id, number, before, after, other"
READ = f"SELECT {_COLUMNS} FROM proof_journal WHERE seq > ? ORDER BY seq"  # noqa: S608 - all of it stands here
_INTO = f"INSERT INTO proof_journal ({_COLUMNS.removeprefix('seq, ')}) VALUES"
_TURN = "NEW.platform, NEW.workspace_id, NEW.channel_id, NEW.turn_id, NEW.message_id, NEW.thread_id"


def _turns(what: str, changed: str, values: str) -> str:
    return f"""
    CREATE TRIGGER proof_{what} AFTER UPDATE ON turns WHEN {changed}
    BEGIN {_INTO} ('{what}', {_TURN}, {values}); END
    """


def _begun(on: str, changed: str) -> str:
    values = "NEW.platform, NEW.workspace_id, NEW.channel_id, NULL, NULL, NEW.thread_id, NEW.history_from"
    return f"""
    CREATE TRIGGER proof_begun_{on} AFTER {on} ON threads WHEN {changed}
    BEGIN {_INTO} ('begun', {values}, NULL, NULL, NULL); END
    """


def _mappings(on: str, row: str, alive: int) -> str:
    values = f"{row}.platform, {row}.workspace_id, {row}.channel_id, {row}.repository, NULL, NULL"
    return f"""
    CREATE TRIGGER proof_mapping_{on} AFTER {on} ON mappings
    BEGIN {_INTO} ('mapping', {values}, {alive}, NULL, {row}.suspended_at, {row}.token_id); END
    """


def _tokens(on: str, row: str, alive: int) -> str:
    values = f"{row}.platform, {row}.workspace_id, NULL, {row}.token_id, NULL, NULL"
    return f"""
    CREATE TRIGGER proof_token_{on} AFTER {on} ON tokens
    BEGIN {_INTO} ('token', {values}, {alive}, NULL, {row}.purpose, {row}.label); END
    """


SCHEMA: Sequence[str] = (
    """
    CREATE TABLE proof_journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, platform TEXT, workspace_id TEXT, channel_id TEXT,
        named TEXT, message_id TEXT, thread_id TEXT, number INTEGER, before TEXT, after TEXT, other TEXT
    )
    """,
    _turns(
        "status", "OLD.status IS NOT NEW.status", "OLD.answer IS NOT NULL, OLD.status, NEW.status, NEW.answered_with"
    ),
    _turns(
        "leased", "OLD.attempt IS NOT NEW.attempt AND NEW.status = 'running'", "NEW.attempt, NULL, NULL, NEW.worker"
    ),
    _turns("stop", "NEW.stop_requested AND NOT OLD.stop_requested", "NEW.attempt, NULL, NULL, NULL"),
    _turns("erased", "OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL", "NEW.attempt, NULL, NULL, NULL"),
    _turns("undeclined", f"OLD.declined IS NOT NULL AND NEW.declined IS NULL AND {_STILL_OPEN}", "0, NULL, NULL, NULL"),
    _turns("reworded", "OLD.revision IS NOT NEW.revision", "NEW.revision, NULL, NULL, NULL"),
    _begun("INSERT", "NEW.history_from > 0"),
    _begun("UPDATE", "OLD.history_from IS NOT NEW.history_from"),
    _mappings("INSERT", "NEW", 1),
    _mappings("UPDATE", "NEW", 1),
    _mappings("DELETE", "OLD", 0),
    _tokens("INSERT", "NEW", 1),
    _tokens("DELETE", "OLD", 0),
)


class Journal:
    """Makes events of what was written down since it last looked.

    `words` are those of a question, as its author worded it first and then each time; `secrets` are the tokens by their
    labels.
    """

    def __init__(
        self, words: Mapping[Key, Sequence[str]], secrets: Mapping[str, str], of_process: str, channels: Sequence[str]
    ) -> None:
        self._words = words
        self._secrets = secrets
        self._of_process = of_process
        self._channels = channels
        self._seen = 0
        self._mappings: defaultdict[ChannelRef, dict[str, tuple[bool, str | None]]] = defaultdict(dict)
        self._tokens: dict[str, str] = {}  # by id
        self._of_workspace: dict[tuple[str, str], str] = {}  # the id of its own
        self._last: dict[ChannelRef, frozenset[Binding]] = {}

    def read(self, rows: Callable[[int], Collection[Any]], at: float) -> list[Event]:
        """The events of the rows that `rows` finds beyond the last one known."""
        found = list(rows(self._seen))
        if not found:
            return []
        self._seen = found[-1][0]
        events: list[Event] = []
        touched: dict[ChannelRef, None] = {}
        for row in found:
            _, what, *_ = row
            if what in {"mapping", "token"}:
                touched.update(dict.fromkeys(self._rebound(row)))
            else:
                events += self._turn(row, at)
        return [*self._bound(touched, at), *events]

    def _turn(self, row: Sequence[Any], at: float) -> Iterator[Event]:
        _, what, platform, workspace_id, channel_id, turn_id, message_id, thread_id, number, before, after, other = row
        if what == "leased":
            yield Leased(at, turn_id, number, other)
        elif what == "stop":
            yield StopAsked(at, turn_id)
        elif what == "erased":
            yield Erased(at, turn_id)
        elif what == "undeclined":  # its notice was about words that it has no more
            yield Reopened(at, turn_id)
        elif what == "begun":
            yield Begun(at, ThreadRef(ChannelRef(platform, workspace_id, channel_id), thread_id), number)
        elif what == "reworded":
            key = Key(ThreadRef(ChannelRef(platform, workspace_id, channel_id), thread_id), message_id)
            yield Reworded(at, key, self._words[key][number])
        elif before in _OPEN and after not in _OPEN:
            yield Ended(at, turn_id, Outcome(after), other, stays=bool(number) and after == Outcome.ANSWERED.value)
        elif before not in _OPEN and after in _OPEN:
            yield Reopened(at, turn_id)

    def _rebound(self, row: Sequence[Any]) -> Iterator[ChannelRef]:
        _, what, platform, workspace_id, channel_id, named, _, _, alive, _, after, other = row
        if what == "mapping":
            channel = ChannelRef(platform, workspace_id, channel_id)
            if alive:
                self._mappings[channel][named] = after is None, other
            else:
                self._mappings[channel].pop(named, None)
            yield channel
            return
        if alive:
            self._tokens[named] = self._secrets[other]
        else:
            self._tokens.pop(named, None)
        if after == "workspace":
            workspace = platform, workspace_id
            if alive:
                self._of_workspace[workspace] = named
            elif self._of_workspace.get(workspace) == named:
                del self._of_workspace[workspace]
        yield from (ChannelRef(platform, workspace_id, each) for each in self._channels)

    def _bound(self, channels: Collection[ChannelRef], at: float) -> Iterator[Event]:
        for channel in channels:
            bindings = frozenset(self._bindings(channel))
            if bindings != self._last.get(channel):
                self._last[channel] = bindings
                yield Bound(at, channel, bindings)

    def _bindings(self, channel: ChannelRef) -> Iterator[Binding]:
        default = self._of_workspace.get((channel.platform, channel.workspace_id))
        for repository, (usable, own) in self._mappings[channel].items():
            token_id = own or default
            if usable and (token_id is None or token_id in self._tokens):
                token = self._of_process if token_id is None else self._tokens[token_id]
                yield Binding(repository, token)
