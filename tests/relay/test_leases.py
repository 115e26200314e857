"""Leases on both databases: order, fences, take-over, limits."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select, update

from core.channels.grammar import ThreadWord
from core.channels.mappings import Mappings
from core.conversation.history import History
from core.conversation.threads import Threads
from core.conversation.values import UNSAID, Outcome, ThreadRef
from core.database import Database, now_ms
from core.errors import GaveUp, LeaseLost, NoRoom
from core.relay.claims import LEASE_SECONDS, Claim, Scope, still_held
from core.relay.endings import Covered, Ending
from core.relay.hold import Hold
from core.relay.intake import Intake
from core.relay.leases import Leases, Renewed
from core.relay.limits import Allowances
from core.relay.posts import Posts
from core.relay.revisions import Revised, Revisions
from core.relay.shares import Rate, Share
from core.relay.steering import NOTHING_RUNS, Steering, Stop
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.relay.places import UNLIMITED, question, thread

ALL = Scope(("console", "slack", "discord"))
ANSWERED = Ending(Outcome.ANSWERED, b"sealed", "github.com/o/n", "gpt-4o")


@pytest.fixture
def intake(database: Database, workspaces: Workspaces) -> Intake:
    return Intake(database, workspaces, lambda: None, UNLIMITED)


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, UNLIMITED)


async def ask(intake: Intake, *threads: ThreadRef, each: int = 1) -> None:
    await asyncio.gather(*(intake.accept(question(at=at, within=place)) for place in threads for at in range(each)))


def steering_of(database: Database, workspaces: Workspaces, stop: Stop) -> Steering:
    mappings = Mappings(database, workspaces, process_repository=None)
    history, revisions = History(database, workspaces), Revisions(database, workspaces)
    return Steering(Threads(database), history, mappings, revisions, stop, Allowances(database, workspaces))


async def let_leases_end(database: Database) -> None:
    """As if LEASE_SECONDS had passed for everybody."""
    past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
    await database.write(lambda connection: connection.execute(past))


async def let_leases_end_of(database: Database, claim: Claim) -> None:
    past = update(TurnRow).where(TurnRow.turn_id == claim.turn_id).values(lease_until=now_ms() - 1)
    await database.write(lambda connection: connection.execute(past))


async def statuses(database: Database) -> list[str]:
    async with database.reading() as connection:
        return sorted((await connection.execute(select(TurnRow.status))).scalars())


async def test_a_thread_is_answered_in_order_one_at_a_time(intake: Intake, leases: Leases) -> None:
    place = thread()
    for at in (5, 3, 4):  # as they happen to arrive
        await intake.accept(question(at=at, within=place))
    for expected in (3, 4, 5):
        (claim,) = await leases.claim("a", ALL, 10)
        assert claim.order == expected
        assert await leases.claim("b", ALL, 10) == []
        await leases.finish(claim, ANSWERED)
    assert await leases.claim("a", ALL, 10) == []


async def test_no_turn_is_claimed_twice(intake: Intake, leases: Leases, database: Database) -> None:
    await ask(intake, *(thread(str(n)) for n in range(40)), each=2)
    other = Leases(database, UNLIMITED)
    batches = await asyncio.gather(
        *((leases, other)[n % 2].claim(f"w{n}", ALL, 7) for n in range(12)),
    )
    claimed = [claim.turn_id for batch in batches for claim in batch]
    assert len(claimed) == len(set(claimed)) == 40
    assert len({claim.thread for batch in batches for claim in batch}) == 40


async def test_a_dead_workers_turn_is_taken_over_and_its_late_words_are_refused(
    intake: Intake, leases: Leases, database: Database
) -> None:
    posts = Posts(database)
    await ask(intake, thread(), each=2)
    (dead,) = await leases.claim("dead", ALL, 1)
    await posts.record(dead, 0, "post-1")
    assert await leases.free_expired() == 0
    await let_leases_end(database)
    assert await leases.free_expired() == 1

    (alive,) = await leases.claim("alive", ALL, 10)
    assert (alive.turn_id, alive.attempt, alive.failures) == (dead.turn_id, 2, 1)
    assert await posts.of(alive) == {0: "post-1"}
    for late in (
        leases.finish(dead, ANSWERED),
        leases.retry(dead),
        posts.record(dead, 1, "post-2"),
        posts.forget(dead, 0),
    ):
        with pytest.raises(LeaseLost):
            await late
    assert await leases.renew("dead", [dead]) == {}
    await leases.hand_back([dead])
    assert await leases.renew("alive", [alive]) == {alive.turn_id: Renewed(False, 0)}
    assert await posts.of(alive) == {0: "post-1"}
    await leases.finish(alive, ANSWERED)
    await leases.finish(alive, ANSWERED)  # as after a lost reply
    with pytest.raises(LeaseLost):
        await leases.finish(alive, Ending(Outcome.FAILED))
    with pytest.raises(LeaseLost):
        await leases.finish(dead, ANSWERED)


async def test_an_edit_after_a_stop_is_answered(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """The stop was about the words before; whoever edits is told that the new ones will be answered."""
    await intake.accept(question("Old?", within=thread()))
    (claim,) = await leases.claim("a", ALL, 1)
    assert await leases.stop(thread())
    revised, _ = await Revisions(database, workspaces).revise(question("New?", within=thread()))
    assert revised is Revised.REPLACED
    assert await leases.renew("a", [claim]) == {claim.turn_id: Renewed(stop_requested=False, revision=1)}


async def test_a_failed_attempt_stays_the_head_of_its_thread(intake: Intake, leases: Leases) -> None:
    await ask(intake, thread(), each=2)
    (claim,) = await leases.claim("a", ALL, 10)
    await leases.retry(claim)
    assert await leases.claim("a", ALL, 10) == []  # not due yet, and nothing may overtake it


async def test_handed_back_without_blame(intake: Intake, leases: Leases) -> None:
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 10)
    await leases.hand_back([claim])
    (again,) = await leases.claim("b", ALL, 10)
    assert (again.attempt, again.failures) == (2, 0)


async def test_what_may_still_land_is_waited_for(intake: Intake, leases: Leases, database: Database) -> None:
    await ask(intake, thread("1"), thread("2"))
    calm, broken = await leases.claim("a", ALL, 10)
    hold = Hold(broken, 0.0, lambda: 0.0)

    async def act() -> None:
        async with hold.acting():
            await asyncio.Event().wait()

    acting = asyncio.create_task(act())
    await asyncio.sleep(0)
    acting.cancel()
    await asyncio.wait([acting])
    assert hold.broken_off
    await leases.hand_back([calm, broken], broken_off={broken.turn_id})
    (again,) = await leases.claim("b", ALL, 10)
    assert again.turn_id == calm.turn_id
    await database.write(lambda connection: connection.execute(update(TurnRow).values(due_at=now_ms())))
    assert [claim.turn_id for claim in await leases.claim("b", ALL, 10)] == [broken.turn_id]


async def test_a_question_that_began_a_thread_waits_for_what_runs_there(
    intake: Intake, leases: Leases, database: Database
) -> None:
    """Its worker died after it had shown the question, and somebody asked below it meanwhile."""
    await ask(intake, thread("unsaid"))
    (dead,) = await leases.claim("dead", ALL, 1)
    await ask(intake, thread("begun"))
    (below,) = await leases.claim("b", ALL, 1)
    await let_leases_end_of(database, dead)
    await leases.free_expired()
    (again,) = await leases.claim("a", ALL, 1)
    with pytest.raises(LeaseLost):
        await leases.move(again, thread("begun"))
    await leases.hand_back([again])
    assert await statuses(database) == ["running", "waiting"]
    await leases.finish(below, ANSWERED)
    await database.write(lambda connection: connection.execute(update(TurnRow).values(due_at=now_ms())))
    (there,) = await leases.claim("a", ALL, 10)
    assert (there.turn_id, there.thread, there.failures) == (again.turn_id, thread("begun"), again.failures)


async def test_a_superseded_attempt_does_not_say_what_the_thread_is_about(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    history = History(database, workspaces)
    mappings = Mappings(database, workspaces, process_repository=None)
    await ask(intake, thread())
    (dead,) = await leases.claim("dead", ALL, 1)
    await let_leases_end(database)
    await leases.free_expired()
    (alive,) = await leases.claim("alive", ALL, 1)
    await history.stay(thread(), "github.com/o/new", provided=still_held(alive))
    with pytest.raises(LeaseLost):
        await history.stay(thread(), "github.com/o/old", provided=still_held(dead))
    assert (await mappings.facts(thread())).thread_repository == "github.com/o/new"


async def test_nothing_is_kept_for_a_question_that_was_deleted_meanwhile(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 10)
    await leases.keep_context(claim, b"before")
    await Revisions(database, workspaces).erase(thread().channel, claim.message_id)
    await leases.keep_context(claim, b"what stands around it")
    async with database.reading() as connection:
        assert (await connection.execute(select(TurnRow.context))).scalars().all() == [None]


async def test_an_old_question_takes_no_newer_one_along(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """What was asked later is about what was answered since."""
    ended: list[str] = []
    for at in (1, 2):
        await intake.accept(question(at=at, within=thread()))
        (claim,) = await leases.claim("a", ALL, 10)
        await leases.finish(claim, ANSWERED)
        ended.append(claim.turn_id)
    await intake.accept(question(at=3, within=thread()))
    assert await Revisions(database, workspaces).again(thread().channel.workspace, ended[0])
    (claim,) = await leases.claim("a", ALL, 10)
    assert claim.turn_id == ended[0]
    assert await leases.behind(claim) == []


async def test_an_answer_covers_what_waited_behind_it(intake: Intake, leases: Leases, database: Database) -> None:
    await ask(intake, thread(), each=3)
    (claim,) = await leases.claim("a", ALL, 10)
    await ask(intake, thread(workspace="W2"), thread(channel="C2"), thread(platform="slack"), each=3)  # equal ids
    behind = await leases.behind(claim)
    assert [(each.thread, each.order) for each in behind] == [(thread(), 1), (thread(), 2)]
    await intake.accept(question(at=9, within=thread()))  # too late to be covered
    covers = tuple(Covered(each.turn_id, each.revision, each.asker_id) for each in behind)
    await leases.finish(claim, Ending(Outcome.ANSWERED, b"x", covers=covers))
    assert await statuses(database) == ["answered"] * 3 + ["waiting"] * 10


async def test_an_answer_to_its_old_words_does_not_cover_an_edited_question(
    intake: Intake, leases: Leases, database: Database
) -> None:
    await ask(intake, thread(), each=3)
    (claim,) = await leases.claim("a", ALL, 10)
    covers = tuple(Covered(each.turn_id, each.revision, each.asker_id) for each in await leases.behind(claim))
    edit = update(TurnRow).where(TurnRow.turn_id == covers[0][0]).values(revision=TurnRow.revision + 1)
    await database.write(lambda connection: connection.execute(edit))
    await leases.finish(claim, Ending(Outcome.ANSWERED, b"x", covers=covers))
    assert await statuses(database) == ["answered"] * 2 + ["waiting"]


async def test_stop_reaches_the_worker_and_leaves_what_waits(
    intake: Intake, leases: Leases, database: Database
) -> None:
    await ask(intake, thread(), thread("2"), each=2)
    claims = {claim.thread: claim for claim in await leases.claim("a", ALL, 10)}
    assert await leases.stop(thread())
    assert await leases.renew("a", claims.values()) == {
        claims[thread()].turn_id: Renewed(True, 0),
        claims[thread("2")].turn_id: Renewed(False, 0),
    }
    await let_leases_end(database)
    await leases.free_expired()
    again = {claim.thread: claim for claim in await leases.claim("b", ALL, 10)}
    assert {place: claim.stop_requested for place, claim in again.items()} == {thread(): True, thread("2"): False}
    await leases.finish(again[thread()], Ending(Outcome.STOPPED))
    (behind,) = await leases.claim("b", ALL, 10)
    assert (behind.thread, behind.order, behind.stop_requested) == (thread(), 1, False)


async def test_a_button_stops_its_own_turn_alone(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """It ends while its button is pressed, and what waits behind it is somebody else's."""
    await ask(intake, thread(), each=2)
    (claim,) = await leases.claim("a", ALL, 10)

    async def stop(place: ThreadRef, *turn: str | None, before: int | None = None) -> bool:
        await leases.finish(claim, Ending(Outcome.ANSWERED))
        return await leases.stop(place, *turn, before=before)

    said = await steering_of(database, workspaces, stop).stop_turn(claim.thread.channel, claim.turn_id)
    (behind,) = await leases.claim("a", ALL, 10)
    assert (behind.order, behind.stop_requested) == (1, False)
    assert said == NOTHING_RUNS
    assert await leases.stop(thread(), behind.turn_id)
    assert (await leases.renew("a", [behind]))[behind.turn_id].stop_requested


async def test_what_one_person_has_answered_again_is_counted_for_them(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """It is asked with the shares of whoever asked, and of the channel."""
    await Mappings(database, workspaces, process_repository=None).map(thread().channel, "acme/web", actor="U0")
    await ask(intake, *(thread(str(number)) for number in range(25)))
    claims = await leases.claim("a", ALL, 25)
    for claim in claims:
        await leases.finish(claim, ANSWERED)
    steering, began = steering_of(database, workspaces, leases.stop), time.monotonic()
    said = [await steering.again(claim.thread.channel, claim.turn_id, "U2") for claim in claims[:-1]]
    said.append(await steering.steered(claims[-1].thread, ThreadWord.RETRY, 9, "U2"))
    most = 20 + int((time.monotonic() - began) / 6)
    assert said[:20] == [""] * 20
    assert all("from one person" in each and "again in" in each for each in said[most:])
    assert (await statuses(database)).count("waiting") == said.count("")
    assert await steering.again(claims[-1].thread.channel, claims[-1].turn_id, "U3") == ""


async def test_however_many_are_renewed_there_are_few_statements(
    intake: Intake, leases: Leases, database: Database
) -> None:
    """A connection keeps each that it has prepared."""
    statements: set[str] = set()
    event.listen(
        database._urgent.engine.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.add(statement),
    )
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 1)
    statements.clear()
    for number in range(1, 33):
        assert await leases.renew("a", [claim] * number) == {claim.turn_id: Renewed(False, 0)}
    assert len([each for each in statements if each.startswith("UPDATE")]) == 6


async def test_however_many_are_handed_back_there_are_few_statements(
    intake: Intake, leases: Leases, database: Database
) -> None:
    """A process is given some seconds to end, and each statement may take a while."""
    sent: list[str] = []
    event.listen(
        database._urgent.engine.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: sent.append(statement),
    )
    await ask(intake, *(thread(str(number)) for number in range(70)))
    claims = await leases.claim("a", ALL, 70)
    sent.clear()
    await leases.hand_back(claims, broken_off=[claims[-1].turn_id])
    assert len([each for each in sent if each.startswith("UPDATE")]) == 2
    assert await statuses(database) == ["waiting"] * 70
    assert len(await leases.claim("b", ALL, 70)) == 69  # what the last one broke off may still land


async def test_the_ending_of_a_turn_says_nothing_of_it_once_it_is_asked_again(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """It was recorded and the reply was lost: it is recorded once more, while the turn waits anew."""
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 1)
    told = Ending(Outcome.REFUSED, told=True)
    await leases.finish(claim, told)
    assert await Revisions(database, workspaces).again(claim.workspace, claim.turn_id)
    with pytest.raises(LeaseLost):
        await leases.finish(claim, told)
    await leases.hand_back([claim])
    assert await statuses(database) == ["waiting"]
    (again,) = await leases.claim("b", ALL, 1)
    assert again.attempt > claim.attempt


async def test_a_deleted_question_takes_nobody_along(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """Its answer is stopped; who waits to be answered with it did not delete theirs."""
    await ask(intake, thread(), each=2)
    (claim,) = await leases.claim("a", ALL, 1)
    covers = tuple(Covered(each.turn_id, each.revision, each.asker_id) for each in await leases.behind(claim))
    await Revisions(database, workspaces).erase(claim.thread.channel, claim.message_id)
    await leases.finish(claim, Ending(Outcome.STOPPED, b"x", covers=covers))
    assert await statuses(database) == ["stopped", "waiting"]


async def test_what_is_answered_again_is_never_what_was_deleted(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    revisions, steering = Revisions(database, workspaces), steering_of(database, workspaces, leases.stop)
    await ask(intake, thread(), each=3)
    (claim,) = await leases.claim("a", ALL, 1)
    covers = tuple(Covered(each.turn_id, each.revision, each.asker_id) for each in (await leases.behind(claim))[:1])
    await leases.finish(claim, Ending(Outcome.ANSWERED, b"x", covers=covers))
    (newest,) = await leases.claim("a", ALL, 1)
    await leases.finish(newest, ANSWERED)
    for deleted in (newest, claim):
        await revisions.erase(thread().channel, deleted.message_id)
    assert await steering.steered(thread(), ThreadWord.RETRY, 9, "U1") == ""
    (again,) = await leases.claim("a", ALL, 1)
    assert again.turn_id == covers[0].turn_id  # by itself: the question whose answer covered it is not there any more


async def test_where_a_post_stands_is_known_though_its_question_was_edited(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    posts = Posts(database)
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 1)
    await Revisions(database, workspaces).revise(question("Meant otherwise.", at=0, within=claim.thread))
    with pytest.raises(LeaseLost):
        await posts.check(claim)
    await posts.record(claim, 0, "shown at that moment")
    assert await posts.of(claim) == {0: "shown at that moment"}


async def test_stop_reaches_the_next_where_none_runs(intake: Intake, leases: Leases, database: Database) -> None:
    await intake.accept(question(at=2, within=thread()))
    await intake.accept(question(at=1, within=thread()))
    assert not await leases.stop(thread("2"))
    assert await leases.stop(thread())
    assert await statuses(database) == ["waiting", "waiting"]
    (claim,) = await leases.claim("a", ALL, 10)
    assert (claim.order, claim.stop_requested) == (1, True)
    await leases.finish(claim, Ending(Outcome.STOPPED))
    assert await leases.stop(thread())
    (claim,) = await leases.claim("a", ALL, 10)
    await leases.finish(claim, Ending(Outcome.STOPPED))
    assert not await leases.stop(thread())  # nothing is open any more


async def test_a_word_that_comes_again_stops_nothing_that_was_asked_since(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    """But what came without a post has its order by another clock than the word may have."""
    steering = steering_of(database, workspaces, leases.stop)
    await intake.accept(question(at=1, within=thread()))
    assert await steering.steered(thread(), ThreadWord.STOP, 2, "U1") == ""
    (claim,) = await leases.claim("a", ALL, 10)
    await leases.finish(claim, Ending(Outcome.STOPPED))
    await intake.accept(question(at=3, within=thread()))
    assert await steering.steered(thread(), ThreadWord.STOP, 2, "U1") == NOTHING_RUNS
    (later,) = await leases.claim("a", ALL, 10)
    assert await steering.steered(thread(), ThreadWord.STOP, 2, "U1") == NOTHING_RUNS
    assert not (await leases.renew("a", [later]))[later.turn_id].stop_requested
    await leases.finish(later, ANSWERED)
    await intake.accept(question(at=4, within=thread(), message_id=f"{UNSAID}1"))
    assert await steering.steered(thread(), ThreadWord.STOP, 2, "U1") == ""


async def test_stop_reaches_the_one_that_has_begun_before_an_earlier_one(
    intake: Intake, leases: Leases, database: Database
) -> None:
    """That is the next, and its sign stands in the thread."""
    await intake.accept(question(at=2, within=thread()))
    (begun,) = await leases.claim("a", ALL, 10)
    await leases.retry(begun)
    await intake.accept(question(at=1, within=thread()))
    assert await leases.stop(thread())
    async with database.reading() as connection:
        rows = await connection.execute(select(TurnRow.position).where(TurnRow.stop_requested))
        assert rows.scalars().all() == [2]


async def test_one_workspace_cannot_take_every_place(database: Database, workspaces: Workspaces) -> None:
    shares = replace(UNLIMITED, workspace=Share(3, Rate(60, 1_000)))
    leases, intake = Leases(database, shares), Intake(database, workspaces, lambda: None, shares)
    await ask(intake, *(thread(str(n), workspace="flood") for n in range(20)))
    await ask(intake, *(thread(str(n), workspace="small") for n in range(2)))
    first = await leases.claim("a", ALL, 4)
    assert sorted(claim.thread.channel.workspace_id for claim in first) == ["flood", "flood", "small", "small"]
    second = await leases.claim("b", ALL, 100)
    assert [claim.thread.channel.workspace_id for claim in second] == ["flood"]
    assert await leases.claim("c", ALL, 100) == []
    await leases.finish(first[0], ANSWERED)
    assert len(await leases.claim("c", ALL, 100)) == (first[0].thread.channel.workspace_id == "flood")


async def test_a_scope_of_one_thread_takes_no_other(intake: Intake, leases: Leases) -> None:
    mine = thread("mine")
    await ask(intake, mine, thread("theirs"), thread("mine", workspace="W2"), thread("mine", platform="slack"))
    claims = await leases.claim("a", Scope(("console",), mine), 10)
    assert [claim.thread for claim in claims] == [mine]


async def test_a_thread_known_dead_is_freed_at_once(intake: Intake, leases: Leases) -> None:
    await ask(intake, thread(), thread("2"))
    await leases.claim("dead", ALL, 10)
    assert await leases.free_thread(thread()) == 1
    assert [claim.thread for claim in await leases.claim("b", ALL, 10)] == [thread()]


async def test_a_clock_that_is_set_back_keeps_nothing_waiting(
    intake: Intake, leases: Leases, database: Database
) -> None:
    await ask(intake, thread("dead"), thread("alive"))
    dead, alive = sorted(await leases.claim("a", ALL, 2), key=lambda claim: claim.thread.thread_id, reverse=True)
    await ask(intake, thread("waiting"))
    hour = 3_600_000
    times = {"due_at": TurnRow.due_at + hour, "lease_until": TurnRow.lease_until + hour}
    await database.write(lambda connection: connection.execute(update(TurnRow).values(times)))
    (claim,) = await leases.claim("b", ALL, 2)
    assert claim.thread == thread("waiting")
    assert await leases.free_expired() == 0  # whoever lives may say so first
    async with database.reading() as connection:
        left = (await connection.execute(select(func.max(TurnRow.lease_until) - now_ms()))).scalar_one()
    assert 0 < (left or 0) <= LEASE_SECONDS * 1000
    assert (await leases.renew("a", [alive])).keys() == {alive.turn_id}
    await let_leases_end_of(database, dead)
    assert await leases.free_expired() == 1
    (claim,) = await leases.claim("b", ALL, 2)
    assert claim.turn_id == dead.turn_id


async def test_a_pause_is_no_clock_that_is_set_back(intake: Intake, leases: Leases) -> None:
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 1)
    await leases.retry(replace(claim, failures=10))  # the longest
    assert await leases.claim("a", ALL, 1) == []


async def test_a_turn_that_was_put_back_shows_nothing_more_but_the_notice_that_is_out_counts(
    intake: Intake, leases: Leases, database: Database
) -> None:
    posts = Posts(database)
    await ask(intake, thread(), thread("2"))
    claim, other = await leases.claim("a", ALL, 2)
    await asyncio.gather(posts.check(claim), posts.check(other))
    await leases.hand_back([claim])
    checked = await asyncio.gather(posts.check(claim), posts.check(other), return_exceptions=True)
    assert [type(each) for each in checked] == [LeaseLost, type(None)]
    with pytest.raises(LeaseLost):
        await leases.finish(claim, ANSWERED)
    told = Ending(Outcome.REFUSED, told=True)
    await leases.finish(claim, told)
    await leases.hand_back([other])
    assert len(await leases.claim("b", ALL, 2)) == 1
    with pytest.raises(LeaseLost):
        await leases.finish(other, told)
    assert await statuses(database) == ["refused", "running"]


async def test_a_notice_about_its_old_words_is_no_outcome_of_an_edited_question(
    intake: Intake, leases: Leases, database: Database, workspaces: Workspaces
) -> None:
    await ask(intake, thread(), thread("2"))
    revisions, told = Revisions(database, workspaces), Ending(Outcome.REFUSED, told=True)
    for claim in await leases.claim("a", ALL, 2):
        await leases.decline(claim, GaveUp())
        await revisions.revise(question("Meant otherwise.", at=0, within=claim.thread))
        if claim.thread == thread("2"):
            await revisions.erase(claim.thread.channel, claim.message_id)
            await leases.finish(claim, told)  # nobody waits for an answer
        else:
            with pytest.raises(LeaseLost):
                await leases.finish(claim, told)
    (again,) = await leases.claim("b", ALL, 2)
    assert (again.thread, again.revision, again.declined, again.failures) == (thread(), 1, None, 0)
    with pytest.raises(LeaseLost):
        await leases.finish(replace(again, attempt=1, revision=0), told)
    assert await statuses(database) == ["refused", "running"]
    await leases.finish(replace(again, revision=0, declined=NoRoom()), told)  # whatever it asks
    assert await statuses(database) == ["refused", "refused"]


async def test_a_hold_stops_acting_before_its_lease_ends(intake: Intake, leases: Leases) -> None:
    await ask(intake, thread())
    (claim,) = await leases.claim("a", ALL, 1)
    now = 100.0
    hold = Hold(claim, now, lambda: now)
    hold.check()
    now += LEASE_SECONDS * 2 / 3
    with pytest.raises(LeaseLost):
        hold.check()
    hold.renewed(now)
    hold.check()
    hold.lost.set()
    with pytest.raises(LeaseLost):
        hold.check()
    with pytest.raises(LeaseLost):
        async with hold.acting():
            raise AssertionError("it acted")


@pytest.mark.parametrize("seed", range(3))
async def test_any_interleaving_keeps_the_invariants(
    seed: int, intake: Intake, leases: Leases, database: Database
) -> None:
    """Workers claim, die, come late, fail and finish at random: each turn ends once, in order, never overlapping."""
    dice = random.Random(seed)
    places = [thread(str(n), workspace=f"W{n % 3}") for n in range(6)]
    await ask(intake, *places, each=5)
    live: list[Claim] = []
    late: list[Claim] = []
    finished: list[Claim] = []
    for _ in range(2_000):
        match dice.choice(["claim", "claim", "finish", "finish", "die", "late", "retry", "hand back"]):
            case "claim":
                live += await leases.claim(f"w{dice.randrange(3)}", ALL, dice.randrange(1, 4))
            case "finish" if live:
                claim = live.pop(dice.randrange(len(live)))
                await leases.finish(claim, ANSWERED)
                finished.append(claim)
            case "die" if dice.random() < 0.3:
                late, live = late + live, []
                await let_leases_end(database)
                await leases.free_expired()
            case "late" if late:
                with pytest.raises(LeaseLost):
                    await leases.finish(late.pop(), ANSWERED)
            case "retry" if live and dice.random() < 0.2:
                claim = live.pop()
                await leases.retry(claim)
                due = update(TurnRow).where(TurnRow.turn_id == claim.turn_id).values(due_at=now_ms())
                await database.write(lambda connection, due=due: connection.execute(due))  # type: ignore[misc]
            case "hand back" if live:
                await leases.hand_back([live.pop()])
            case _:
                continue
        assert len({claim.thread for claim in live}) == len(live), f"seed {seed}: two answers of one thread at once"
        if len(finished) == 30:
            break
    assert len({claim.turn_id for claim in finished}) == len(finished) == 30, f"seed {seed}"
    for place in places:
        order = [claim.order for claim in finished if claim.thread == place]
        assert order == sorted(order), f"seed {seed}: out of order"
