"""Nobody slows the others: shares, the order of the line, and what is said where a limit is met."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Keyring
from core.conversation.values import Offer, Question, ThreadRef
from core.database import Database, now_ms
from core.errors import Level
from core.relay.candidates import Candidate, chosen
from core.relay.claims import Scope
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.relay.shares import Line, Rate, Share, Shares, Standing
from core.scope import in_thread
from core.secret import Secret
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.fakes.chat import FakeChat
from tests.fakes.platform import FakePlatform
from tests.relay.house import Process
from tests.relay.places import HERE, question, thread

SMALL = Shares(person=Share(2, Rate(6, 3)), channel=Share(3, Rate(60, 10)), workspace=Share(4, Rate(600, 20)))
ALL = Scope(("console", "slack", "discord"))


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def asked(by: str = "U1", *, channel: str = "C1", workspace: str = "W1") -> Question:
    return question(within=thread(channel=channel, workspace=workspace), by=by)


def test_a_person_meets_a_limit_and_is_told_when_it_ends() -> None:
    clock = Clock()
    line = Line(SMALL, clock)
    assert [line.join(asked()).limit for _ in range(3)] == [None] * 3
    first, second = line.join(asked()), line.join(asked())
    assert first == second
    assert first.limit is Level.PERSON
    assert 0 < first.seconds <= 10
    clock.now += first.seconds
    assert line.join(asked()).limit is None
    assert line.join(asked()).limit is Level.PERSON


def test_what_is_above_a_persons_share_costs_the_channel_nothing() -> None:
    line = Line(SMALL, Clock())
    for _ in range(1_000):
        line.join(asked("flood"))
    assert [line.join(asked(f"U{number}")).limit for number in range(7)] == [None] * 7
    assert line.join(asked("U8")).limit is Level.CHANNEL
    assert line.join(asked("U8", channel="C2")).limit is None


def test_a_workspace_has_a_share_of_its_own() -> None:
    line = Line(SMALL, Clock())
    many = [line.join(asked(f"U{number}", channel=f"C{number}")).limit for number in range(21)]
    assert many == [None] * 20 + [Level.WORKSPACE]
    assert line.join(asked(workspace="W2")).limit is None


def test_equal_ids_in_two_workspaces_have_shares_of_their_own() -> None:
    line = Line(SMALL, Clock())
    assert [line.join(asked()).limit for _ in range(4)] == [None, None, None, Level.PERSON]
    assert line.join(asked(workspace="W2")) == Standing(0)


def test_who_asks_much_stands_behind_who_asks_little() -> None:
    line = Line(SMALL, Clock())
    assert [line.join(asked("flood")).behind for _ in range(3)] == [0, 10, 20]
    assert line.join(asked("U1")).behind == 3  # of this channel's share
    assert line.join(asked("U1", channel="C2")).behind == 10  # of this person's share


def test_a_place_given_back_is_free_again() -> None:
    line = Line(SMALL, Clock())
    for _ in range(100):
        line.leave(asked(), line.join(asked()))
    assert [line.join(asked()).limit for _ in range(4)] == [None, None, None, Level.PERSON]
    other = Line(SMALL, Clock())
    for _ in range(3):
        other.join(asked())
    other.leave(asked(), other.join(asked()))  # a second delivery of a question that was taken
    assert other.join(asked()).limit is Level.PERSON


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 30)), max_size=200))
def test_in_any_span_no_more_than_burst_and_rate(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    line, taken = Line(SMALL, clock), []
    for person, pause in steps:
        clock.now += pause
        if line.join(asked(f"U{person}", channel=f"C{person}")).limit is None:
            taken.append((person, clock.now))
    rate = SMALL.person.rate
    for person in range(4):
        times = [at for who, at in taken if who == person]
        for first, began in enumerate(times):
            for last, ended in enumerate(times[first:], 1):
                assert last <= rate.burst + (ended - began) / rate.interval + 1e-6


def candidate(number: int, *, by: str = "U1", channel: str = "C1", running: int = 0) -> Candidate:
    where = thread(str(number), channel=channel)
    return Candidate(f"t{number}", where, by, of_person=running, of_channel=running, of_workspace=running)


def test_those_of_one_batch_count_against_each_other() -> None:
    line = [candidate(number) for number in range(5)] + [candidate(9, by="U2"), candidate(10, by="U3", channel="C2")]
    assert [each.turn_id for each in chosen(line, SMALL, 10)] == ["t0", "t1", "t9", "t10"]
    assert [each.turn_id for each in chosen(line, SMALL, 3)] == ["t0", "t1", "t9"]


def test_two_of_one_thread_are_never_chosen_together() -> None:
    twins = [replace(candidate(1), turn_id=turn_id) for turn_id in ("a", "b")]
    assert [each.turn_id for each in chosen(twins, SMALL, 10)] == ["a"]


async def ask(intake: Intake, places: list[tuple[ThreadRef, str]]) -> None:
    await asyncio.gather(*(intake.accept(question(within=place, by=by)) for place, by in places))


async def test_refusals_of_a_flood_keep_nobody_waiting(database: Database, workspaces: Workspaces) -> None:
    """To be told that it was too much takes a place as well: a person has no more of them than answers at once."""
    intake, leases = Intake(database, workspaces, lambda: None, SMALL), Leases(database, SMALL)
    await ask(intake, [(thread(f"flood {number}"), "flood") for number in range(50)])
    await ask(intake, [(thread("other"), "U1")])
    claimed = await leases.claim("w", ALL, 40)
    assert sorted(claim.asker_id for claim in claimed) == ["U1", "flood", "flood"]


async def test_a_flood_leaves_every_other_place_free(database: Database, workspaces: Workspaces) -> None:
    """However many wait, the others are among the next ones; each level has its own share of what runs."""
    shares = replace(SMALL, person=Share(2, Rate(60, 1_000)))
    shares = replace(shares, channel=Share(3, Rate(60, 1_000)), workspace=Share(4, Rate(60, 1_000)))
    intake, leases = Intake(database, workspaces, lambda: None, shares), Leases(database, shares)
    await ask(intake, [(thread(f"f{n}"), "flood") for n in range(300)])
    await ask(intake, [(thread("a"), "U2"), (thread("b", channel="C2"), "U3"), (thread("c", workspace="W2"), "U4")])
    claims = await leases.claim("w", ALL, 10)
    assert Counter(claim.asker_id for claim in claims) == {"flood": 2, "U2": 1, "U3": 1, "U4": 1}
    assert await leases.claim("w", ALL, 10) == []
    await ask(intake, [(thread("d", channel="C3"), "U5"), (thread("e", workspace="W3"), "U6")])
    assert [claim.asker_id for claim in await leases.claim("w", ALL, 10)] == ["U6"]  # W1 has its four


async def test_who_asks_little_is_answered_before_what_another_asked_earlier(
    database: Database, workspaces: Workspaces
) -> None:
    shares = replace(SMALL, person=Share(10, Rate(6, 3)))
    intake, leases = Intake(database, workspaces, lambda: None, shares), Leases(database, shares)
    await ask(intake, [(thread(f"f{n}"), "flood") for n in range(3)])
    await ask(intake, [(thread("a"), "U1")])
    assert {claim.asker_id for claim in await leases.claim("w", ALL, 2)} == {"flood", "U1"}


@pytest.fixture
async def limited(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> AsyncIterator[Process]:
    process = Process(database, keyring, platform, chat.url, shares=SMALL)
    await process.map(HERE.channel)
    async with process.running():
        yield process


async def test_one_question_too_many_is_refused_with_the_time_to_ask_again(
    limited: Process, platform: FakePlatform, chat: FakeChat, database: Database
) -> None:
    places = [thread(str(number), platform="slack") for number in range(6)]
    outcomes = await asyncio.gather(*(limited.ask(question(within=place)) for place in places[:4]))
    assert outcomes == ["answered", "answered", "answered", "refused"]
    assert [await limited.ask(question(within=place)) for place in places[4:]] == ["refused", "refused"]
    for place in places[3:]:
        (told,) = platform.told[place]
        assert "ask again in" in told.text
        assert "second" in told.text
        assert told.offer is Offer.AGAIN
    async with database.reading() as connection:
        ended = (await connection.execute(select(TurnRow.status).where(TurnRow.declined.is_not(None)))).scalars()
    assert list(ended) == ["refused"] * 3
    assert len(chat.requests) == 3


async def test_deliveries_of_one_question_cost_one_place(limited: Process) -> None:
    await asyncio.gather(*(limited.intake.accept(question(within=HERE)) for _ in range(50)))
    for number in (2, 3):
        assert await limited.ask(question(at=number, within=thread(str(number), platform="slack"))) == "answered"


async def test_a_tokens_share_is_counted_in_the_database(limited: Process, platform: FakePlatform) -> None:
    limited.answering._token_rate = Rate(1, 1)  # the default is far above what a test can ask
    await limited.tokens.save_for_workspace(
        HERE.channel.workspace, Secret("process-token-1234"), label="team", actor="U0"
    )
    places = [thread(str(number), platform="slack") for number in range(2)]
    outcomes = [await limited.ask(question(within=place)) for place in places]
    assert outcomes == ["answered", "refused"]
    assert "token" in platform.notices[places[1]][0]


async def test_what_is_asked_again_counts_as_well(limited: Process, platform: FakePlatform, chat: FakeChat) -> None:
    limited.answering._token_rate = Rate(1, 1)
    workspace = HERE.channel.workspace
    await limited.tokens.save_for_workspace(workspace, Secret("process-token-1234"), label="team", actor="U0")
    accepted = await limited.intake.accept(question(within=HERE))
    assert accepted.turn_id is not None
    await limited.worker.outcome(accepted.turn_id)
    for _ in range(3):
        ended = asyncio.ensure_future(limited.worker.outcome(accepted.turn_id))
        await asyncio.sleep(0)
        assert await limited.revisions.again(workspace, accepted.turn_id)
        assert await ended == "answered"  # by now, or as it was
    assert len(chat.requests) == 2
    assert len(platform.notices[HERE]) == 2


async def test_whoever_waits_for_long_is_told_the_place_once(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    others = [thread(name, platform="slack") for name in "abc"]
    for place in others:
        await process.intake.accept(question(within=place))
    await process.intake.accept(question(at=2, within=HERE, by="U2"))
    await process.places.tell(process.scope)
    assert not any(platform.notices.values())
    for at, place in enumerate([*others, HERE]):
        stands = update(TurnRow).where(in_thread(TurnRow, place)).values(line_at=now_ms() - 20_000 + at * 1_000)
        await database.write(partial(AsyncConnection.execute, statement=stands))
    for _ in range(2):
        await process.places.tell(process.scope)
        assert platform.notices[others[0]] == ["Your question is the next in line; I will answer it as soon as I can."]
        assert platform.notices[HERE] == ["Your question is number 4 in line; I will answer it as soon as I can."]
        assert [platform.notices[place] for place in others[1:]] == [[], []]  # one word to each person
    await process.client.aclose()


async def test_whose_turn_comes_while_others_are_told_is_told_no_place(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    async def step(name: str) -> None:
        if name.startswith("before tell"):
            await process.leases.claim("w", process.scope, 10)

    process = Process(database, keyring, platform, chat.url, step)
    places = [thread(name, platform="slack") for name in "ab"]
    for place, person in zip(places, ("U1", "U2"), strict=True):
        await process.intake.accept(question(within=place, by=person))
    earlier = update(TurnRow).values(line_at=TurnRow.line_at - 11_000)
    await database.write(lambda connection: connection.execute(earlier))
    await process.places.tell(process.scope)
    assert [len(platform.notices[place]) for place in places] == [1, 0]
    await process.client.aclose()


async def test_what_runs_or_is_refused_is_told_no_place(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.intake.accept(question(within=HERE))
    await process.leases.claim("w", process.scope, 1)
    await process.intake.accept(question(within=thread("2", platform="slack")))
    declined = update(TurnRow).where(TurnRow.status == "waiting").values(declined="person", declined_until=0)
    await database.write(lambda connection: connection.execute(declined))
    earlier = update(TurnRow).values(line_at=TurnRow.line_at - 11_000)
    await database.write(lambda connection: connection.execute(earlier))
    assert await process.places.long_waiting(process.scope) == []
    await process.client.aclose()
