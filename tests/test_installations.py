"""An installation is sealed, lives until a later revocation, and is renewed by one exchange."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from core.cipher import Keyring
from core.conversation.values import WorkspaceRef
from core.database import Database, now_ms
from core.errors import DatabaseUnavailable, DeliveryFailed, PlatformAway, UnknownKey
from core.installations import Installation, Installations, Renewed
from core.secret import Secret
from core.tables import InstallationRow
from core.workspaces import Workspaces
from tests.channels.places import rows

HERE, THERE = WorkspaceRef("slack", "T1"), WorkspaceRef("slack", "T2")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def installations(database: Database, workspaces: Workspaces) -> Installations:
    return Installations(database, workspaces)


async def payload(installations: Installations, workspace: WorkspaceRef = HERE) -> str | None:
    found = await installations.of(workspace)
    return None if found is None else found.payload.reveal()


async def installed(installations: Installations, text: str = "old", *, expired: bool = False) -> Installation:
    """An installation that has expired, or soon will."""
    end = datetime.now(UTC) + timedelta(hours=-1 if expired else 1)
    await installations.save(HERE, Secret(text), installed_at=NOON, expires_at=end)
    found = await installations.of(HERE)
    assert found is not None
    return found


async def test_what_is_saved_comes_back(installations: Installations) -> None:
    assert await installations.of(HERE) is None
    await installations.save(HERE, Secret('{"token": "⟨1⟩"}'), installed_at=NOON, expires_at=at(43_200))
    found = await installations.of(HERE)
    assert found is not None
    assert found.payload.reveal() == '{"token": "⟨1⟩"}'
    assert (found.version, found.installed_at, found.expires_at) == (1, NOON, at(43_200))


async def test_every_workspace_has_its_own(installations: Installations) -> None:
    await installations.save(HERE, Secret("mine"), installed_at=NOON)
    await installations.save(THERE, Secret("theirs"), installed_at=NOON)
    await installations.save(WorkspaceRef("discord", "T1"), Secret("of another platform"), installed_at=NOON)
    await installations.revoke(THERE, before=at(1))
    assert await payload(installations) == "mine"
    assert await payload(installations, THERE) is None


async def test_nothing_of_it_can_be_read_in_the_database(installations: Installations, database: Database) -> None:
    await installations.save(HERE, Secret("a sentence to find"), installed_at=NOON)
    assert "sentence" not in repr(await rows(database, InstallationRow))


async def test_a_row_of_another_workspace_does_not_open(installations: Installations, database: Database) -> None:
    await installations.save(HERE, Secret("mine"), installed_at=NOON)
    await installations.save(THERE, Secret("theirs"), installed_at=NOON)
    sealed = {row.workspace_id: row.sealed for row in await rows(database, InstallationRow)}
    exchanged = update(InstallationRow).values(sealed=sealed["T1"])
    await database.write(lambda connection: connection.execute(exchanged))
    assert await payload(installations) == "mine"
    with pytest.raises(UnknownKey):
        await installations.of(THERE)


async def test_a_newer_installation_takes_the_place_of_an_older_one(installations: Installations) -> None:
    for text, moment in (("first", 0), ("second", 10), ("late news of an older one", 5)):
        await installations.save(HERE, Secret(text), installed_at=at(moment))
    found = await installations.of(HERE)
    assert found is not None
    assert (found.payload.reveal(), found.installed_at, found.version) == ("second", at(10), 2)


async def test_a_revoked_payload_is_forgotten(
    installations: Installations, database: Database, workspaces: Workspaces
) -> None:
    await installations.save(HERE, Secret("gone"), installed_at=NOON)
    (before,) = await rows(database, InstallationRow)
    await installations.revoke(HERE, before=at(1))
    assert await payload(installations) is None
    (after,) = await rows(database, InstallationRow)
    assert after.sealed != before.sealed
    assert len(after.sealed) == len(before.sealed) - len("gone")


async def test_those_that_ended_long_ago_and_were_not_made_anew(installations: Installations) -> None:
    assert await installations.revoked("slack", before=at(100)) == ()
    await installations.revoke(HERE, before=at(10))
    await installations.revoke(THERE, before=at(20))
    await installations.revoke(WorkspaceRef("discord", "T1"), before=at(10))
    assert await installations.revoked("slack", before=at(10)) == ()
    assert await installations.revoked("slack", before=at(20)) == (HERE,)
    assert await installations.revoked("slack", before=at(21)) == (HERE, THERE)
    await installations.save(HERE, Secret("again"), installed_at=at(30))
    assert await installations.revoked("slack", before=at(100)) == (THERE,)


async def test_an_end_in_the_second_of_the_installation_is_its_end(installations: Installations) -> None:
    await installations.save(HERE, Secret("x"), installed_at=NOON)
    await installations.revoke(HERE, before=NOON)
    assert await payload(installations) is None


Event = Callable[[Installations, WorkspaceRef], Awaitable[object]]

EVENTS: dict[str, Event] = {
    "install": lambda it, where: it.save(where, Secret("first"), installed_at=at(0)),
    "revoked": lambda it, where: it.revoke(where, before=at(10)),
    "uninstalled": lambda it, where: it.revoke(where, before=at(11)),
    "reinstall": lambda it, where: it.save(where, Secret("second"), installed_at=at(20)),
    "question": lambda it, where: it.of(where),
    "revoked again": lambda it, where: it.revoke(where, before=at(10)),
}


LAST_UNINSTALLED: dict[str, Event] = {name: event for name, event in EVENTS.items() if name != "revoked again"} | {
    "uninstalled": lambda it, where: it.revoke(where, before=at(30))
}


@pytest.mark.parametrize("most", [100, pytest.param(720, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("events", "end"), [(EVENTS, "second"), (LAST_UNINSTALLED, None)], ids=["reinstalled last", "uninstalled last"]
)
async def test_every_order_of_the_news_ends_the_same(
    installations: Installations, events: dict[str, Event], end: str | None, most: int
) -> None:
    """Some of the 720 and 120 orders, in the long run all of them; each in a workspace of its own."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    async def ends(number: int, order: tuple[str, ...]) -> str | None:
        where = WorkspaceRef("slack", f"T{number}")
        for name in order:
            await events[name](installations, where)
        return await payload(installations, where)

    orders = list(itertools.permutations(events))
    orders = random.Random(seed).sample(orders, min(most, len(orders)))
    ended = await asyncio.gather(*(ends(number, order) for number, order in enumerate(orders)))
    assert [(order, found) for order, found in zip(orders, ended, strict=True) if found != end] == []


class Platform:
    """Exchanges a payload once: `old` for `new`, that for `new+`; a used one is refused."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.may_answer = asyncio.Event()
        self.asked = asyncio.Event()
        self.may_answer.set()

    async def exchange(self, payload: Secret) -> Renewed:
        text = payload.reveal()
        if text in self.used:
            raise DeliveryFailed("invalid_refresh_token")
        self.used.append(text)
        self.asked.set()
        await self.may_answer.wait()
        return Renewed(Secret("new" if text == "old" else text + "+"), datetime.now(UTC) + timedelta(hours=12))


async def test_a_renewed_installation_is_the_stored_one(installations: Installations) -> None:
    platform, known = Platform(), await installed(installations)
    renewed = await installations.renew(HERE, known, platform.exchange)
    assert renewed is not None
    assert (renewed.payload.reveal(), renewed.version, renewed.installed_at) == ("new", 2, NOON)
    assert renewed == await installations.of(HERE)
    again = await installations.renew(HERE, renewed, platform.exchange)
    assert again is not None
    assert again.payload.reveal() == "new+"


@pytest.mark.parametrize("expired", [False, True], ids=["soon due", "expired"])
async def test_however_many_find_it_due_it_is_exchanged_once(
    database_url: str, database: Database, keyring: Keyring, expired: bool
) -> None:
    others = [Database(Secret(database_url)) for _ in range(3)]
    processes = [Installations(each, Workspaces(each, keyring)) for each in (database, *others)]
    platform, known = Platform(), await installed(processes[0], expired=expired)
    try:
        got = await asyncio.gather(*(processes[each % 4].renew(HERE, known, platform.exchange) for each in range(50)))
    finally:
        for each in others:
            await each.close()
    assert platform.used == ["old"]
    payloads = {each.payload.reveal() for each in got if each is not None}
    assert payloads == {"new"} if expired else {"old", "new"}
    assert await payload(processes[0]) == "new"


async def test_meanwhile_the_others_go_on_with_what_is_good(installations: Installations) -> None:
    platform, known = Platform(), await installed(installations)
    platform.may_answer.clear()
    renewing = asyncio.create_task(installations.renew(HERE, known, platform.exchange))
    await platform.asked.wait()
    assert await installations.renew(HERE, known, platform.exchange) == known
    platform.may_answer.set()
    renewed = await renewing
    assert renewed is not None
    assert renewed.payload.reveal() == "new"
    assert await installations.renew(HERE, known, platform.exchange) == renewed
    assert platform.used == ["old"]


async def test_a_failed_exchange_leaves_what_was(database: Database, workspaces: Workspaces) -> None:
    installations = Installations(database, workspaces)
    known, asked = await installed(installations), 0

    async def refuses(payload: Secret) -> Renewed:
        nonlocal asked
        asked += 1
        raise DeliveryFailed("ratelimited")

    with pytest.raises(DeliveryFailed, match="ratelimited"):
        await installations.renew(HERE, known, refuses)
    assert await installations.renew(HERE, known, refuses) == known
    assert asked == 1  # the lease keeps the others from asking at once
    await lapse(database)
    with pytest.raises(DeliveryFailed, match="ratelimited"):
        await installations.renew(HERE, known, refuses)
    assert await installations.of(HERE) == known


async def lapse(database: Database) -> None:
    """Let the leases' time be over, by the database's own clock."""
    over = update(InstallationRow).values(renewing_until=now_ms() - 1)
    await database.write(lambda connection: connection.execute(over))


async def test_a_lease_of_the_dead_is_taken_over(database: Database, workspaces: Workspaces) -> None:
    """A process that took the lease and died without asking leaves nothing behind but the wait for its end."""
    installations = Installations(database, workspaces, lease_seconds=0.3)
    platform, known = Platform(), await installed(installations, expired=True)
    held = update(InstallationRow).values(renewing_until=now_ms() + 300)
    await database.write(lambda connection: connection.execute(held))
    renewed = await installations.renew(HERE, known, platform.exchange)
    assert renewed is not None
    assert renewed.payload.reveal() == "new"


async def test_an_exchange_that_never_ends_is_waited_for_no_longer_than_a_lease(
    database: Database, workspaces: Workspaces
) -> None:
    """Whoever exchanges it, here or elsewhere; the platform is away, which is nobody's fault."""
    installations = Installations(database, workspaces, lease_seconds=0.3)
    known = await installed(installations, expired=True)

    async def times_out(payload: Secret) -> Renewed:
        raise TimeoutError

    with pytest.raises(PlatformAway, match="took too long"):
        await installations.renew(HERE, known, times_out)
    held = update(InstallationRow).values(renewing_until=now_ms() + 300_000)
    await database.write(lambda connection: connection.execute(held))
    with pytest.raises(PlatformAway, match="was not renewed"):
        await installations.renew(HERE, known, times_out)


async def test_a_crash_after_the_exchange_leaves_what_was(database: Database, workspaces: Workspaces) -> None:
    """The known loss: the new payload is gone with the process; the old one stays and serves up to its own end."""
    installations = Installations(database, workspaces)
    platform, known = Platform(), await installed(installations)
    await platform.exchange(known.payload)  # by the process that is dead now
    with pytest.raises(DeliveryFailed, match="invalid_refresh_token"):
        await installations.renew(HERE, known, platform.exchange)
    assert await installations.renew(HERE, known, platform.exchange) == known


async def test_a_cancelled_caller_does_not_lose_the_result(installations: Installations) -> None:
    platform, known = Platform(), await installed(installations)
    platform.may_answer.clear()
    renewing = asyncio.create_task(installations.renew(HERE, known, platform.exchange))
    await platform.asked.wait()
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)
    platform.may_answer.set()
    await installations.drain()
    assert await payload(installations) == "new"


async def test_a_database_that_is_away_for_a_moment_does_not_lose_the_result(
    database_url: str, database: Database, keyring: Keyring
) -> None:
    if not database.is_sqlite:
        pytest.skip("another connection can lock SQLite's file whole")
    impatient = Database(Secret(database_url), busy_seconds=0)
    installations = Installations(impatient, Workspaces(impatient, keyring))
    platform, known = Platform(), await installed(installations)
    platform.may_answer.clear()
    renewing = asyncio.create_task(installations.renew(HERE, known, platform.exchange))
    await platform.asked.wait()
    locked, refused = asyncio.Event(), asyncio.Event()

    async def locks(_: object) -> None:
        locked.set()
        await refused.wait()

    locking = asyncio.create_task(database.write(locks))
    await locked.wait()
    try:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await installations.revoke(THERE, before=NOON)
            platform.may_answer.set()
        assert not renewing.done()
    finally:
        refused.set()
        await locking
    renewed = await renewing
    assert renewed is not None
    assert renewed.payload.reveal() == "new"
    await impatient.close()


@pytest.mark.parametrize(
    ("meanwhile", "end"),
    [
        (lambda it: it.revoke(HERE, before=at(1)), None),
        (lambda it: it.save(HERE, Secret("installed again"), installed_at=at(1)), "installed again"),
        (lambda it: it.revoke(HERE, before=at(-1)), "new"),
        (lambda it: it.save(HERE, Secret("older"), installed_at=at(-1)), "new"),
    ],
    ids=["revoked", "installed again", "older revocation", "older installation"],
)
async def test_what_happens_during_an_exchange_counts(
    installations: Installations, meanwhile: Callable[[Installations], Awaitable[None]], end: str | None
) -> None:
    platform, known = Platform(), await installed(installations)
    platform.may_answer.clear()
    renewing = asyncio.create_task(installations.renew(HERE, known, platform.exchange))
    await platform.asked.wait()
    await meanwhile(installations)
    platform.may_answer.set()
    renewed = await renewing
    assert (None if renewed is None else renewed.payload.reveal()) == end
    assert await payload(installations) == end


async def test_an_uninstalled_workspace_is_not_renewed(installations: Installations) -> None:
    platform, known = Platform(), await installed(installations)
    await installations.revoke(HERE, before=at(1))
    assert await installations.renew(HERE, known, platform.exchange) is None
    assert platform.used == []
