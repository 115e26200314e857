"""What a channel is bound to changes while a question of it is answered: the old binding is not used any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from core.chat.client import ChatClient, Service
from core.chat.progress import Progress
from core.cipher import Keyring
from core.database import Database, Result, Unit, now_ms
from core.errors import LeaseLost
from core.relay.claims import Claim
from core.relay.leases import Leases
from core.relay.posts import Posts
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, refuses, says
from tests.fakes.platform import FakePlatform
from tests.platform_contract import holding
from tests.relay.house import REPOSITORY, Process
from tests.relay.places import HERE, question, thread

OLD, NEW = Secret("old-token-12345678"), Secret("new-token-12345678")
ELSEWHERE = "github.com/calcom/elsewhere"
NEXT_DOOR = thread("2", channel="C2", platform="slack")  # another channel of the same workspace


class Door:
    """Holds up a process's first question before it is sent."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()


class HeldClient(ChatClient):
    def __init__(self, service: Service, door: Door) -> None:
        super().__init__(service)
        self._door = door

    async def ask(self, *arguments: Any, **options: Any) -> AsyncGenerator[Progress, None]:
        self._door.reached.set()
        await self._door.opened.wait()
        async with aclosing(super().ask(*arguments, **options)) as steps:
            async for step in steps:
                yield step


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async with FakeChat() as fake:  # any token: which one is what is asked
        yield fake


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def process(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat, door: Door
) -> AsyncIterator[Process]:
    made = Process(database, keyring, platform, chat.url, client=HeldClient(Service(chat.url), door))
    await made.map(HERE.channel)
    await made.tokens.save_for_workspace(HERE.channel.workspace, OLD, actor="U0")
    async with made.running():
        yield made


async def token_of_the_mapping(process: Process) -> None:
    await process.tokens.save_for_mapping(HERE.channel, REPOSITORY, NEW, actor="U0")


async def token_of_the_workspace(process: Process) -> None:
    await process.tokens.save_for_workspace(HERE.channel.workspace, NEW, actor="U0")


async def no_token(process: Process) -> None:
    (token,) = await process.tokens.list(HERE.channel.workspace)
    await process.tokens.remove(HERE.channel.workspace, token.token_id, actor="U0")


async def mapped_anew_with_another(process: Process) -> None:
    saved = await process.tokens.save_for_mapping(HERE.channel, REPOSITORY, NEW, actor="U0")
    await process.mappings.map(HERE.channel, REPOSITORY, token_id=saved.token_id, actor="U0")


Change = Callable[[Process], Awaitable[None]]
CHANGES: dict[Change, str] = {
    token_of_the_mapping: NEW.reveal(),
    token_of_the_workspace: NEW.reveal(),
    no_token: "process-token-1234",
    mapped_anew_with_another: NEW.reveal(),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_the_token_that_is_sent_is_the_one_bound_when_it_is_sent(
    process: Process, chat: FakeChat, door: Door, change: Change
) -> None:
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await door.reached.wait()  # all is decided, nothing is sent
    await change(process)
    door.opened.set()
    assert await asking == "answered"
    assert [request.token for request in chat.requests] == [CHANGES[change]]


async def mapped_elsewhere(process: Process) -> None:
    await process.mappings.map(HERE.channel, ELSEWHERE, default=True, actor="U0")


async def default_elsewhere(process: Process) -> None:
    await process.mappings.set_default(HERE.channel.workspace, ELSEWHERE, actor="U0")


async def unmapped(process: Process) -> None:
    await process.mappings.map(HERE.channel, ELSEWHERE, actor="U0")
    await process.mappings.unmap(HERE.channel, REPOSITORY, actor="U0")


DEFAULTS: list[tuple[Sequence[str], Change]] = [
    ((), mapped_elsewhere),
    ((REPOSITORY,), mapped_elsewhere),
    ((REPOSITORY, ELSEWHERE), mapped_elsewhere),
    ((), default_elsewhere),
]


@pytest.mark.parametrize(("mapped", "change"), DEFAULTS)
async def test_what_is_asked_about_is_the_default_by_then(
    mapped: Sequence[str],
    change: Change,
    database: Database,
    keyring: Keyring,
    platform: FakePlatform,
    chat: FakeChat,
) -> None:
    """It changes after the turn's plan has read it."""
    planning, go_on = asyncio.Event(), asyncio.Event()

    async def step(name: str) -> None:
        if name == "after survey":
            planning.set()
            await go_on.wait()

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.mappings.set_default(HERE.channel.workspace, REPOSITORY, actor="U0")
    for repository in mapped:
        await process.map(HERE.channel, repository)
    async with process.running():
        asking = asyncio.create_task(process.ask(question(within=HERE)))
        await planning.wait()
        await change(process)
        go_on.set()
        assert await asking == "answered"
    assert [request.repository for request in chat.requests] == [ELSEWHERE]
    assert (await process.mappings.facts(HERE)).thread_repository == ELSEWHERE


async def test_an_unmapped_repository_is_not_asked_about(process: Process, chat: FakeChat, door: Door) -> None:
    await process.history.stay(HERE, REPOSITORY)
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await door.reached.wait()
    await unmapped(process)
    door.opened.set()
    assert await asking == "refused"  # its thread began with that repository
    assert chat.requests == []


@pytest.mark.parametrize("change", [mapped_elsewhere, unmapped])
async def test_a_thread_begins_with_what_it_is_first_asked_about(
    process: Process, chat: FakeChat, door: Door, change: Change
) -> None:
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await door.reached.wait()
    await change(process)
    door.opened.set()
    assert await asking == "answered"
    assert [request.repository for request in chat.requests] == [ELSEWHERE]
    assert (await process.mappings.facts(HERE)).thread_repository == ELSEWHERE


async def test_a_post_that_was_under_way_is_waited_for(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat, door: Door
) -> None:
    """It was broken off, and may still land: whoever looks at once would not see it, and post again."""
    showing = asyncio.Event()

    async def step(name: str) -> None:
        if name == "before show" and not showing.is_set():
            showing.set()
            await asyncio.Event().wait()

    client = HeldClient(Service(chat.url), door)
    process = Process(database, keyring, platform, chat.url, client=client, step=step)
    await process.map(HERE.channel)
    due, now = select(TurnRow.status, TurnRow.due_at), select(now_ms())
    async with process.running():
        await process.intake.accept(question("Old?", within=HERE))
        await showing.wait()
        await door.reached.wait()
        await process.revisions.revise(question("New?", within=HERE))
        async with database.reading() as connection:
            since = (await connection.execute(now)).scalar_one()
        door.opened.set()
        status, due_at = "running", 0
        while status == "running":
            async with database.reading() as connection:
                status, due_at = (await connection.execute(due)).one()
        assert due_at >= since + 2_000


async def test_an_answer_under_way_begins_anew(process: Process, chat: FakeChat, door: Door) -> None:
    door.opened.set()
    go_on = asyncio.Event()
    chat.will(holding("Half", " an answer.", go_on), says("A whole one."))
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await chat.arrival()
    await token_of_the_workspace(process)
    go_on.set()
    assert await asking == "answered"
    assert [request.token for request in chat.requests] == [OLD.reveal(), NEW.reveal()]


async def of_another_channel(process: Process) -> str:
    await process.map(NEXT_DOOR.channel)
    return (await process.tokens.save_for_mapping(NEXT_DOOR.channel, REPOSITORY, NEW, actor="U0")).token_id


async def of_nobody(process: Process) -> str:
    return "no-such-token"


@pytest.mark.parametrize("of", [of_another_channel, of_nobody])
async def test_an_answer_goes_on_while_another_token_than_its_own_is_removed(
    process: Process, chat: FakeChat, door: Door, of: Callable[[Process], Awaitable[str]]
) -> None:
    door.opened.set()
    token_id, go_on = await of(process), asyncio.Event()
    chat.will(holding("A whole", " answer.", go_on))
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await chat.arrival()
    assert await process.tokens.remove(HERE.channel.workspace, token_id, actor="U0") == (of is of_another_channel)
    go_on.set()
    assert await asking == "answered"
    assert [request.token for request in chat.requests] == [OLD.reveal()]


async def test_a_token_that_is_removed_is_used_in_none_of_its_channels_any_more(
    process: Process, chat: FakeChat, door: Door
) -> None:
    shared, places = await of_another_channel(process), (HERE, NEXT_DOOR)
    await process.mappings.map(HERE.channel, REPOSITORY, token_id=shared, actor="U0")
    door.opened.set()
    go_on = asyncio.Event()
    chat.will(holding("Half", " an answer.", go_on), holding("Half", " an answer.", go_on))
    asking = [asyncio.create_task(process.ask(question(within=place))) for place in places]
    for _ in places:
        await chat.arrival()
    assert await process.tokens.remove(HERE.channel.workspace, shared, actor="U0")
    go_on.set()
    assert await asyncio.gather(*asking) == ["answered", "answered"]
    assert [request.token for request in chat.requests] == [NEW.reveal()] * 2 + [OLD.reveal()] * 2


async def test_what_is_sent_again_is_sent_with_what_is_bound_by_then(
    process: Process, chat: FakeChat, door: Door
) -> None:
    door.opened.set()
    go_on = asyncio.Event()

    async def away(exchange: Exchange) -> None:
        await go_on.wait()
        await refuses(503)(exchange)

    chat.will(away, says("Done."))
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await chat.arrival()
    await token_of_the_workspace(process)
    go_on.set()
    assert await asking == "answered"
    assert [request.token for request in chat.requests] == [OLD.reveal(), NEW.reveal()]


async def test_nothing_is_sent_for_what_was_stopped_before(process: Process, chat: FakeChat, door: Door) -> None:
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await door.reached.wait()
    assert await process.worker.stop(HERE)
    door.opened.set()
    assert await asking == "stopped"
    assert chat.requests == []


async def nobody(process: Process) -> None:
    """Nothing else happens."""


async def stopped(process: Process) -> None:
    assert await process.worker.stop(HERE)


async def deleted(process: Process) -> None:
    assert await process.revisions.erase(HERE.channel, question(within=HERE).message_id)


@pytest.mark.parametrize("meanwhile", [nobody, stopped, deleted])
async def test_what_is_taken_away_is_not_begun_before_its_worker_lets_go_of_it(
    meanwhile: Change, database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    taking = Process(database, keyring, platform, chat.url)
    await taking.map(HERE.channel)
    await taking.intake.accept(question(within=HERE))
    (claim,) = await taking.leases.claim("first", taking.scope, 10)
    lease_until = await moment(database, TurnRow.lease_until)
    await taking.mappings.suspend(HERE.channel, actor="U0", widened=True)
    await meanwhile(taking)
    assert await moment(database, TurnRow.due_at) == lease_until
    assert await taking.leases.claim("second", taking.scope, 10) == []
    await taking.leases.hand_back([claim])
    assert await moment(database, TurnRow.due_at) < lease_until
    await taking.client.aclose()


async def moment(database: Database, column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(column))).scalar_one() or 0)


class SlowToCommit(Database):
    """A database of one process whose transactions are committed once they are let go."""

    def __init__(self, url: Secret) -> None:
        super().__init__(url)
        self.done, self.commit = asyncio.Event(), asyncio.Event()

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        async def held(connection: AsyncConnection) -> Result:
            result = await unit(connection)
            self.done.set()
            await self.commit.wait()
            return result

        return await super().write(held, urgent=urgent, lasting=lasting)


async def test_a_claim_that_is_not_committed_yet_is_taken_away_too(
    postgres_url: str, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """PostgreSQL shows nothing of it to the change, nor anything of the change to what follows the claim."""
    database, slow = Database(Secret(postgres_url)), SlowToCommit(Secret(postgres_url))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    await process.intake.accept(question(within=HERE))
    claiming = asyncio.create_task(Leases(slow).claim("elsewhere", process.scope, 1))
    await slow.done.wait()
    suspending = asyncio.create_task(process.mappings.suspend(HERE.channel, actor="U0", widened=True))
    while not suspending.done() and not await _somebody_waits(database):
        pass
    slow.commit.set()
    (claim,) = await claiming
    await suspending
    with pytest.raises(LeaseLost):
        await Posts(database).check(claim)
    await process.client.aclose()
    await slow.close()
    await database.close()


@pytest.mark.parametrize("first", ["claims", "moves"])
async def test_a_question_does_not_begin_its_thread_while_another_one_there_is_claimed(
    postgres_url: str, keyring: Keyring, platform: FakePlatform, chat: FakeChat, first: str
) -> None:
    database, slow = Database(Secret(postgres_url)), SlowToCommit(Secret(postgres_url))
    process, begun = Process(database, keyring, platform, chat.url), thread("begun", platform="slack")
    await process.intake.accept(question(within=thread("unsaid", platform="slack")))
    (unsaid,) = await process.leases.claim("a", process.scope, 1)
    await process.intake.accept(question(within=begun))

    def claims(leases: Leases) -> Coroutine[Any, Any, list[Claim] | None]:
        return leases.claim("b", process.scope, 1)

    def moves(leases: Leases) -> Coroutine[Any, Any, list[Claim] | None]:
        return leases.move(unsaid, begun)

    one, two = (claims, moves) if first == "claims" else (moves, claims)
    under_way = asyncio.create_task(one(Leases(slow)))
    await slow.done.wait()
    waiting = asyncio.create_task(two(process.leases))
    while not waiting.done() and not await _somebody_waits(database):
        pass
    slow.commit.set()
    outcomes = tuple(await asyncio.gather(under_way, waiting, return_exceptions=True))
    if first == "claims":
        assert isinstance(outcomes[1], LeaseLost)
    else:
        assert outcomes == (None, [])
    await process.client.aclose()
    await slow.close()
    await database.close()


async def _somebody_waits(database: Database) -> bool:
    async with database.reading() as connection:
        waiting = await connection.execute(text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
        return bool(waiting.scalar_one())
