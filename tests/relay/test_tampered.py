"""SE-09: a question of which anything stored was swapped, copied, cut or changed ends in a notice, and asks nobody.

Not with another token, not with another's words, not with what the damage left. Everything is stored by the product,
changed in the database, and answered by a process that has just begun. All of it, on both databases:
pytest tests/relay/test_tampered.py -m long
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import InstrumentedAttribute

from core.cipher import Keyring
from core.conversation.followup import FollowUps
from core.conversation.values import ThreadRef
from core.database import Database
from core.scope import in_channel, in_thread, in_workspace, of_turn
from core.secret import Secret
from core.tables import ChannelRow, MappingRow, TokenRow, TurnRow, WorkspaceRow
from tests.fakes.chat import FakeChat
from tests.fakes.platform import FakePlatform
from tests.relay.house import REPOSITORY, Process
from tests.relay.places import HERE, question, thread
from tests.sampling import sampled

Condition = ColumnElement[bool]

pytestmark = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)

NEXT_DOOR = thread(channel="C2", platform="slack")  # of the same workspace
ABROAD = thread(workspace="W2", platform="slack")
BARE = thread(channel="C3", platform="slack")  # its mapping has no token of its own
PLACES = (HERE, NEXT_DOOR, ABROAD, BARE)


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    """One that takes any token, and would answer whatever it is asked."""
    async with FakeChat() as fake:
        yield fake


@pytest.fixture
async def before(database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat) -> Process:
    """Four channels, each with an answered question; three have a token of their own, both workspaces one for all."""
    process = Process(database, keyring, platform, chat.url)
    for place in PLACES:
        await process.map(place.channel)
        await process.preferences.set(
            place.channel,
            follow_ups=FollowUps.SMART,
            guests=False,
            outsiders=False,
            model=None,
            instructions=f"Be as they are in {place.channel.channel_id} of {place.channel.workspace_id}.",
            actor="U0",
        )
        if place is not BARE:
            secret = Secret(token_of(place))
            await process.tokens.save_for_mapping(place.channel, REPOSITORY, secret, actor="U0")
    for place in (HERE, ABROAD):
        secret = Secret(f"workspace-token-{place.channel.workspace_id}")
        await process.tokens.save_for_workspace(place.channel.workspace, secret, actor="U0")
    async with process.running():
        for place in PLACES:
            assert await process.ask(question(f"earlier in {place.channel}", at=1, within=place)) == "answered"
    assert [request.token for request in chat.requests] == [
        *map(token_of, (HERE, NEXT_DOOR, ABROAD)),
        "workspace-token-W1",
    ]
    return process


def token_of(place: ThreadRef) -> str:
    return f"token-of-{place.channel.channel_id}-in-{place.channel.workspace_id}"


Change = Callable[[bytes, bytes], bytes]  # of a value and another's

CHANGES: dict[str, Change] = {
    "another's": lambda own, other: other,
    "cut": lambda own, other: own[:-1],
    "nothing": lambda own, other: b"",
    "flipped": lambda own, other: own[:-1] + bytes([own[-1] ^ 1]),
    "under an unknown key": lambda own, other: own[:1] + bytes([own[1] ^ 1]) + own[2:],
}


def _turn(place: ThreadRef, at: int) -> Condition:
    return in_thread(TurnRow, place) & (TurnRow.position == at)


def _channel(place: ThreadRef) -> Condition:
    return in_channel(ChannelRow, place.channel)


def _token(place: ThreadRef) -> Condition:
    ids = select(MappingRow.token_id).where(in_channel(MappingRow, place.channel))
    return in_workspace(TokenRow, place.channel.workspace) & TokenRow.token_id.in_(ids)


def _for_all(place: ThreadRef) -> Condition:
    return in_workspace(TokenRow, place.channel.workspace) & (TokenRow.purpose == "workspace")


def _workspace(place: ThreadRef) -> Condition:
    return in_workspace(WorkspaceRow, place.channel.workspace)


@dataclass(frozen=True)
class Needed:
    """A sealed value that a question in `asked` needs, and another that is as good to look at."""

    asked: ThreadRef
    column: InstrumentedAttribute[Any]
    own: Condition
    other: Condition


NOW, EARLIER = 2, 1
NEEDED = {
    "the question": Needed(HERE, TurnRow.question, _turn(HERE, NOW), _turn(NEXT_DOOR, NOW)),
    "the question, of another workspace": Needed(HERE, TurnRow.question, _turn(HERE, NOW), _turn(ABROAD, NOW)),
    "the question, an earlier one": Needed(HERE, TurnRow.question, _turn(HERE, NOW), _turn(HERE, EARLIER)),
    "its reference": Needed(HERE, TurnRow.reference, _turn(HERE, NOW), _turn(NEXT_DOOR, NOW)),
    "what stood around it": Needed(HERE, TurnRow.context, _turn(HERE, NOW), _turn(NEXT_DOOR, NOW)),
    "an earlier question": Needed(HERE, TurnRow.question, _turn(HERE, EARLIER), _turn(ABROAD, EARLIER)),
    "an earlier answer": Needed(HERE, TurnRow.answer, _turn(HERE, EARLIER), _turn(NEXT_DOOR, EARLIER)),
    "the instructions": Needed(HERE, ChannelRow.instructions, _channel(HERE), _channel(ABROAD)),
    "the channel's token": Needed(HERE, TokenRow.sealed, _token(HERE), _token(NEXT_DOOR)),
    "the channel's token, of another workspace": Needed(HERE, TokenRow.sealed, _token(HERE), _token(ABROAD)),
    "the channel's token, its workspace's": Needed(HERE, TokenRow.sealed, _token(HERE), _for_all(HERE)),
    "the workspace's token": Needed(BARE, TokenRow.sealed, _for_all(BARE), _token(HERE)),
    "the workspace's token, of another": Needed(BARE, TokenRow.sealed, _for_all(BARE), _for_all(ABROAD)),
    "the workspace's key": Needed(HERE, WorkspaceRow.data_key, _workspace(HERE), _workspace(ABROAD)),
}


async def value(database: Database, column: InstrumentedAttribute[Any], where: Condition) -> bytes:
    async with database.reading() as connection:
        return bytes((await connection.execute(select(column).where(where))).scalar_one())


async def put(database: Database, column: InstrumentedAttribute[Any], where: Condition, octets: bytes) -> None:
    changed = update(column.class_).where(where).values({column: octets})
    assert (await database.write(lambda connection: connection.execute(changed))).rowcount == 1


async def accept(process: Process, place: ThreadRef, at: int = NOW) -> str:
    """A question that nobody answers yet, and what stood around it."""
    name, ref = str(place.channel), place.channel
    asked = question(f"now in {name}", at=at, within=place, message_id=f"{ref.workspace_id} {ref.channel_id} {at}")
    accepted = await process.intake.accept(replace(asked, reference=f"reference {name}"))
    assert accepted.turn_id is not None
    context = await process.history.seal(
        place.channel.workspace, accepted.turn_id, "context", f"around {place.channel}"
    )
    await put(process.database, TurnRow.context, of_turn(TurnRow, place.channel.workspace, accepted.turn_id), context)
    return accepted.turn_id


async def answered_by_another(before: Process, chat: FakeChat, *turn_ids: str) -> list[str]:
    """The outcomes of turns, by a process that has just begun."""
    async with Process(before.database, before.keyring, before.platform, chat.url).running() as process:
        return [each.value for each in await asyncio.gather(*map(process.worker.outcome, turn_ids))]


@pytest.mark.parametrize(("needed", "change"), sampled([*NEEDED], [*CHANGES], one_in=5))
async def test_it_ends_in_a_notice_and_asks_nobody(
    needed: str, change: str, before: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    damaged, database, asked = NEEDED[needed], before.database, len(chat.requests)
    turn = await accept(before, damaged.asked)
    for place in PLACES:
        if place != damaged.asked:
            await accept(before, place)
    own, other = [await value(database, damaged.column, where) for where in (damaged.own, damaged.other)]
    await put(database, damaged.column, damaged.own, CHANGES[change](own, other))
    shown = platform.visible(damaged.asked)
    assert await answered_by_another(before, chat, turn) == ["refused"]
    (notice,) = platform.notices[damaged.asked]
    assert "Something stored for this place was" in notice
    assert platform.visible(damaged.asked) == shown
    assert not [each for each in chat.requests[asked:] if str(damaged.asked.channel) in each.question]


async def test_whoever_asked_before_it_is_answered(before: Process, platform: FakePlatform, chat: FakeChat) -> None:
    """One answer covers what waits behind its question, but not what cannot be read."""
    first, second = [await accept(before, HERE, at) for at in (2, 3)]
    where = _turn(HERE, 3)
    await put(before.database, TurnRow.question, where, await value(before.database, TurnRow.question, _turn(HERE, 2)))
    assert await answered_by_another(before, chat, first, second) == ["answered", "refused"]
    assert [request.questions for request in chat.requests[len(PLACES) :]] == [[chat.requests[-1].question]]
    assert len(platform.notices[HERE]) == 1


async def test_what_was_not_changed_is_answered_as_ever(
    before: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    turns = [await accept(before, place) for place in PLACES]
    assert await answered_by_another(before, chat, *turns) == ["answered"] * len(PLACES)
