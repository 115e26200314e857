"""A ticket is used once, by whoever holds its secret, for what it was issued for, until it expires."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import case, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Keyring, new_key
from core.database import Database, now_ms
from core.errors import FormGone, Tampered, TokenGone
from core.secret import Secret
from core.tables import TicketRow
from core.tickets import Passes, Tickets
from tests.channels.places import rows


@pytest.fixture
def tickets(database: Database, keyring: Keyring) -> Tickets:
    return Tickets(database, keyring)


@pytest.fixture
def passes(database: Database, keyring: Keyring) -> Passes:
    return Passes(database, keyring)


async def expire(database: Database) -> None:
    """Let every ticket's time be over, by the database's own clock."""
    over = update(TicketRow).values(expires_at=now_ms())
    await database.write(lambda connection: connection.execute(over))


async def test_a_ticket_is_used_once(tickets: Tickets) -> None:
    secret = await tickets.issue("token page", "for ⟨C1⟩", 600)
    assert await tickets.redeem("token page", secret) == "for ⟨C1⟩"
    assert await tickets.redeem("token page", secret) is None
    assert await tickets.peek("token page", secret) is None


async def test_one_is_used_up_with_what_it_is_good_for_or_not_at_all(tickets: Tickets, database: Database) -> None:
    secret = await tickets.issue("token page", "payload", 600)
    for purpose, wrong in (("oauth state", secret), ("token page", Secret("x"))):
        with pytest.raises(FormGone):
            await database.write(tickets.using_up(purpose, wrong))

    async def in_vain(connection: AsyncConnection) -> None:
        await tickets.using_up("token page", secret)(connection)
        raise TokenGone

    with pytest.raises(TokenGone):
        await database.write(in_vain)
    assert await tickets.peek("token page", secret) == "payload"
    used = [database.write(tickets.using_up("token page", secret)) for _ in range(8)]
    outcomes = await asyncio.gather(*used, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["FormGone"] * 7 + ["NoneType"]
    assert await tickets.peek("token page", secret) is None


async def test_trying_whether_one_could_be_issued_leaves_nothing(tickets: Tickets, database: Database) -> None:
    await asyncio.gather(*(tickets.issuable() for _ in range(3)))
    assert await rows(database, TicketRow) == []


async def test_a_look_does_not_use_it_up(tickets: Tickets) -> None:
    secret = await tickets.issue("token page", "payload", 600)
    assert [await tickets.peek("token page", secret) for _ in range(3)] == ["payload"] * 3
    assert await tickets.redeem("token page", secret) == "payload"


async def test_it_is_good_for_its_purpose_alone(tickets: Tickets) -> None:
    secret = await tickets.issue("oauth state", "payload", 600)
    assert await tickets.peek("token page", secret) is None
    assert await tickets.redeem("token page", secret) is None
    assert await tickets.redeem("oauth state", secret) == "payload"


@pytest.mark.parametrize("guess", ["", "x", "x" * 43, "\0", "\ud800", "é" * 10_000])
async def test_nothing_else_redeems_it(tickets: Tickets, guess: str) -> None:
    secret = await tickets.issue("token page", "payload", 600)
    for wrong in (guess, secret.reveal()[:-1], secret.reveal() + "=", secret.reveal().swapcase()):
        assert await tickets.peek("token page", Secret(wrong)) is None
        assert await tickets.redeem("token page", Secret(wrong)) is None
    assert await tickets.redeem("token page", secret) == "payload"


async def test_it_ends_with_its_time(tickets: Tickets, database: Database) -> None:
    secret = await tickets.issue("token page", "payload", 600)
    await expire(database)
    assert await tickets.peek("token page", secret) is None
    assert await tickets.redeem("token page", secret) is None


async def test_its_time_is_the_one_given(tickets: Tickets, database: Database) -> None:
    await tickets.issue("token page", "payload", 600)
    (row,) = await rows(database, TicketRow)
    async with database.reading() as connection:
        now = (await connection.execute(now_ms().select())).scalar_one()
    assert 590_000 < row.expires_at - now <= 600_000


async def test_expired_ones_are_forgotten_with_the_next(tickets: Tickets, database: Database) -> None:
    for _ in range(3):
        await tickets.issue("token page", "payload", 600)
    await expire(database)
    kept = await tickets.issue("token page", "payload", 600)
    assert len(await rows(database, TicketRow)) == 1
    assert await tickets.redeem("token page", kept) == "payload"


async def test_not_all_are_forgotten_at_once_where_they_are_many(tickets: Tickets, database: Database) -> None:
    """On SQLite it is done in the event loop's own thread, and each row is overwritten."""
    expired = [{"ticket": str(number), "purpose": "", "sealed": b"x" * 500, "expires_at": 0} for number in range(1_001)]
    await database.write(lambda connection: connection.execute(insert(TicketRow), expired))
    for left in (502, 3, 3):  # the new ones among them
        await tickets.issue("token page", "payload", 600)
        assert len(await rows(database, TicketRow)) == left


async def test_the_database_knows_neither_secret_nor_payload(tickets: Tickets, database: Database) -> None:
    secret = await tickets.issue("token page", "a sentence to find", 600)
    (row,) = await rows(database, TicketRow)
    assert len(secret.reveal()) == 43
    assert secret.reveal() not in repr(row)
    assert "sentence" not in repr(row)


async def test_payloads_cannot_be_exchanged(tickets: Tickets, database: Database) -> None:
    mine = await tickets.issue("token page", "mine", 600)
    await tickets.issue("token page", "theirs", 600)
    sealed = {row.ticket: row.sealed for row in await rows(database, TicketRow)}
    first, second = sealed
    exchanged = update(TicketRow).values(sealed=case((TicketRow.ticket == first, sealed[second]), else_=sealed[first]))
    await database.write(lambda connection: connection.execute(exchanged))
    with pytest.raises(Tampered):
        await tickets.redeem("token page", mine)


async def test_a_key_that_is_dropped_takes_it_along(tickets: Tickets, database: Database) -> None:
    secret = await tickets.issue("token page", "payload", 600)
    later = Tickets(database, Keyring((new_key(),)))
    assert await later.peek("token page", secret) is None
    assert await later.redeem("token page", secret) is None


async def test_a_pass_is_used_once_and_is_stored_only_then(passes: Passes, database: Database) -> None:
    secret = passes.issue("oauth state", "for ⟨C1⟩", 600)
    assert re.fullmatch(r"[\w-]+", secret.reveal(), re.ASCII)
    assert [await passes.peek("oauth state", secret) for _ in range(3)] == ["for ⟨C1⟩"] * 3
    assert await rows(database, TicketRow) == []
    assert await passes.redeem("oauth state", secret) == "for ⟨C1⟩"
    assert await passes.redeem("oauth state", secret) is None
    assert await passes.peek("oauth state", secret) is None
    (row,) = await rows(database, TicketRow)
    assert secret.reveal() not in repr(row)
    assert "C1" not in repr(row)


async def test_a_pass_written_otherwise_is_the_same(passes: Passes) -> None:
    secret = passes.issue("oauth state", "payload", 600)
    plain = secret.reveal()
    others = [Secret(each) for each in (plain + "=", plain + "==", plain + "=A", "\n".join(plain), plain + "!")]
    assert [await passes.redeem("oauth state", each) for each in (secret, *others)] == ["payload", *[None] * 5]


async def test_a_pass_is_good_for_its_purpose_and_time_alone(passes: Passes, database: Database) -> None:
    for purpose, seconds in (("token page", 600), ("oauth state", 0), ("oauth state", -1)):
        secret = passes.issue(purpose, "payload", seconds)
        assert await passes.peek("oauth state", secret) is None
        assert await passes.redeem("oauth state", secret) is None
    assert await rows(database, TicketRow) == []


@pytest.mark.parametrize("guess", ["", "x", "x" * 43, "\0", "\ud800", "é" * 10_000, "A" * 200])
async def test_no_pass_is_made_up(passes: Passes, tickets: Tickets, guess: str) -> None:
    plain = passes.issue("oauth state", "payload", 600).reveal()
    ticket = await tickets.issue("oauth state", "payload", 600)
    for wrong in (guess, plain[:-4], plain[4:], plain.swapcase(), plain[:60] + guess, ticket.reveal()):
        assert await passes.peek("oauth state", Secret(wrong)) is None
        assert await passes.redeem("oauth state", Secret(wrong)) is None


async def test_a_key_that_is_dropped_takes_passes_along(passes: Passes, database: Database) -> None:
    secret = passes.issue("oauth state", "payload", 600)
    assert await Passes(database, Keyring((new_key(),))).redeem("oauth state", secret) is None


async def test_used_passes_are_forgotten_when_they_could_not_be_used_again(passes: Passes, database: Database) -> None:
    await passes.redeem("oauth state", passes.issue("oauth state", "payload", 600))
    await expire(database)
    await passes.redeem("oauth state", passes.issue("oauth state", "payload", 600))
    assert len(await rows(database, TicketRow)) == 1


async def test_of_many_who_race_for_one_pass_one_gets_it(
    database_url: str, database: Database, keyring: Keyring
) -> None:
    other = Database(Secret(database_url))
    processes = [Passes(database, keyring), Passes(other, keyring)]
    try:
        for number in range(25):
            secret = processes[0].issue("oauth state", str(number), 600)
            got = await asyncio.gather(*(processes[each % 2].redeem("oauth state", secret) for each in range(8)))
            assert sorted(filter(None, got)) == [str(number)]
    finally:
        await other.close()


@pytest.mark.parametrize("rounds", [25, pytest.param(1_250, marks=[pytest.mark.long, pytest.mark.timeout(1_200)])])
async def test_of_many_who_race_for_one_ticket_one_gets_it(
    database_url: str, database: Database, keyring: Keyring, rounds: int
) -> None:
    """Eight at once, of two processes; the long run is 10,000 redemptions."""
    other = Database(Secret(database_url))
    processes = [Tickets(database, keyring), Tickets(other, keyring)]
    try:
        for number in range(rounds):
            secret = await processes[0].issue("oauth state", str(number), 600)
            got = await asyncio.gather(*(processes[each % 2].redeem("oauth state", secret) for each in range(8)))
            assert sorted(filter(None, got)) == [str(number)]
    finally:
        await other.close()
