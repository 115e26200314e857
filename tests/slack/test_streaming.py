"""Native streams from their beginning to their end: their time, their takers-over, and twenty of them at once."""

from __future__ import annotations

import asyncio
import base64
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select, update

from bots.roles import Role
from bots.slack.calls import Calls
from bots.slack.showing import Showing
from core.bootstrap import App
from core.conversation.values import Asker, Outcome, Question, ThreadRef
from core.database import now_ms
from core.relay.delivery import Footer, Post
from core.tables import PostRow, TurnRow
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, refuses, says
from tests.slack import house
from tests.slack.house import World
from tests.slack.outcomes import Seen, answers, outcome
from tests.turns import ended

SAID = lines(6)


@pytest.fixture
def transport() -> str:
    """What answers meet does not depend on how questions arrive."""
    return "http"


async def test_text_is_appended_and_never_twice(world: World, app: App, chat: FakeChat) -> None:
    said = lines(120)
    chat.will(says(*said.splitlines(keepends=True), delay=0.03))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(app) == ["answered"]
    assert outcome(world, root, said) is Seen.WHOLE
    assert len(answers(world, root)) == 1
    assert len(world.slack.called("chat.appendStream")) > 1
    assert world.slack.called("chat.update") == world.slack.called("chat.postMessage") == []


@pytest.mark.parametrize("seconds", [200.0, 250.0, 310.0, 4_000.0])
async def test_an_answer_outlives_its_stream(world: World, app: App, chat: FakeChat, seconds: float) -> None:
    """Slack's clock goes on while ours does not: nothing but Slack's word tells that the stream has ended."""
    gate = asyncio.Event()
    chat.will(in_two(SAID, gate))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    await world.slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
    world.slack.advance(seconds)
    gate.set()
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    assert len(answers(world, root)) == 1


async def test_a_stream_is_ended_before_slack_ends_it(world: World, app: App) -> None:
    slack, now = world.slack, [0.0]
    showing = Showing(Calls(app.allowances), lambda: now[0])
    root = await slack.says(world.bob, world.general, "It does not work.")
    thread = ThreadRef(world.place, root.ts)
    question = Question(thread, root.ts, 1, Asker(world.alice.id), "why?", datetime.now(UTC))
    client = AsyncWebClient(world.askrepo.token, base_url=slack.api_url)
    post = Post(question, "turn-1", 0, None)
    post = replace(post, post_id=await showing.show(client, post, "One.\n", None, world.team.id))
    (shown,) = answers(world, root)
    assert slack.streaming(shown)
    now[0] += 241
    slack.advance(241)
    await showing.show(client, post, "One.\nTwo.\n", None, world.team.id)
    assert not slack.streaming(shown)
    assert shown.body == "One.\nTwo.\n"
    now[0] += 10
    await showing.show(client, post, "One.\nTwo.\nThree.", Footer(Outcome.ANSWERED, None, None, 250.0), world.team.id)
    assert shown.body == "One.\nTwo.\nThree."


@pytest.mark.parametrize("refusal", ["feature_disabled", "channel_type_not_supported", "team_not_found"])
async def test_a_workspace_without_streams_is_remembered(world: World, app: App, chat: FakeChat, refusal: str) -> None:
    world.slack.native_streaming, world.slack.streaming_refusal = False, refusal
    for number in range(1, 4):
        chat.will(says(SAID))
        root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
        assert await ended(app, number) == ["answered"] * number
        assert outcome(world, root, SAID) is Seen.WHOLE
    remembered = refusal != "team_not_found"  # that may be about the asker alone
    assert len(world.slack.called("chat.startStream")) == (1 if remembered else 3)


@pytest.mark.parametrize("native", [True, False])
async def test_more_blocks_than_slack_takes_are_shown_as_plain_text(
    world: World, app: App, chat: FakeChat, native: bool
) -> None:
    """Each heading is a block of its own."""
    world.slack.native_streaming = native
    world.slack.allows("invalid_blocks", "msg_blocks_too_many")  # it finds out by being refused
    parts = [f"## Part {number}\n\nIt is {number}.\n\n" for number in range(60)]
    chat.will(says(*parts, delay=0.01))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(app) == ["answered"]
    (answer,) = answers(world, root)
    assert [number for number in range(60) if f"It is {number}." not in answer.shown] == []
    assert world.slack.called("chat.delete") == []
    assert len(chat.requests) == 1


async def test_a_question_of_more_blocks_than_slack_takes_is_shown(world: World, app: App, chat: FakeChat) -> None:
    world.slack.allows("invalid_blocks")
    world.slack.allows_pings_of(world.alice)
    chat.will(says(SAID))
    await world.slack.command(world.alice, world.general, "why?\n" + "\n# One\n\ntwo\n" * 40 + "x" * 9_000)
    assert await ended(app) == ["answered"]
    assert "# One" in world.slack.posts(world.general)[0].shown


async def test_a_worker_that_dies_leaves_its_post_to_the_next(world: World, chat: FakeChat, tmp_path: Path) -> None:
    """Dead means that it does nothing any more: it neither finishes, nor ends its stream, nor hands back."""
    slack, gate = world.slack, asyncio.Event()
    chat.will(in_two(SAID, gate))
    given = house.settings(
        slack,
        world.askrepo,
        chat,
        f"sqlite:///{tmp_path}/askrepo.db",
        SLACK_SIGNING_SECRET=slack.app.signing_secret,
    )
    async with house.askrepo(slack, given, [Role.WEB]) as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        async with house.askrepo(slack, given, [Role.WORKER]) as first:
            root = await slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
            await slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
            (post,) = answers(world, root)
            await die(first)
        assert slack.streaming(post)
        past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
        await app.database.write(lambda connection: connection.execute(past))
        await app.leases.free_expired()
        said = SAID.replace("of the answer", "of the second answer")
        chat.will(says(*said.splitlines(keepends=True)))
        async with house.askrepo(slack, given, [Role.WORKER]):
            assert await ended(app) == ["answered"]
            assert outcome(world, root, said) is Seen.WHOLE
            assert answers(world, root) == [post]


async def test_a_stream_that_another_question_began_is_left_to_it(world: World, chat: FakeChat, tmp_path: Path) -> None:
    """An older question is answered once more while the newer one waits for its next worker."""
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    url, secret = f"sqlite:///{tmp_path}/askrepo.db", slack.app.signing_secret
    given = house.settings(slack, world.askrepo, chat, url, SLACK_SIGNING_SECRET=secret)
    async with house.askrepo(slack, given, [Role.WEB]) as app:
        async with house.askrepo(slack, given, [Role.WORKER]) as first:
            root = await slack.says(world.alice, general, f"{bot} older?")
            assert await ended(app) == ["refused"]  # nothing is mapped yet
            await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
            chat.will(in_two(SAID, asyncio.Event()))
            await slack.says(world.alice, general, f"{bot} newer?", thread=root)
            await slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
            await die(first)
        past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
        await app.database.write(lambda connection: connection.execute(past))
        await app.leases.free_expired()
        async with app.database.reading() as connection:
            older = select(TurnRow.turn_id).where(TurnRow.message_id == root.ts)
            turn_id = (await connection.execute(older)).scalar_one()
        assert await app.revisions.again(world.place.workspace, turn_id)
        chat.will(says("Older."), says(SAID))
        async with house.askrepo(slack, given, [Role.WORKER]):
            assert await ended(app, 2) == ["answered"] * 2
    assert sorted(post.body for post in answers(world, root)) == sorted([SAID, "Older."])


async def test_stop_where_another_process_answers(world: World, chat: FakeChat, tmp_path: Path) -> None:
    """The one that hears the word has no worker; the answer learns of it by the database."""
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    url, secret = f"sqlite:///{tmp_path}/askrepo.db", slack.app.signing_secret
    given = house.settings(slack, world.askrepo, chat, url, SLACK_SIGNING_SECRET=secret)
    chat.will(says("The beginning.\n", *["and on "] * 10_000, delay=0.02))
    async with house.askrepo(slack, given, [Role.WEB]) as app, house.askrepo(slack, given, [Role.WORKER]):
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        root = await slack.says(world.alice, general, f"{bot} tell me everything")
        await slack.until(lambda: any("The beginning." in post.body for post in answers(world, root)))
        await slack.says(world.alice, general, f"{bot} stop", thread=root.ts)
        assert await ended(app) == ["stopped"]
        await slack.says(world.alice, general, f"{bot} stop", thread=root.ts)
        await slack.until(lambda: slack.ephemerals(general, world.alice))
    (told,) = slack.ephemerals(general, world.alice)
    assert told.body == "Nothing is being answered here."


async def test_one_that_died_before_it_recorded_its_stream(world: World, app: App, chat: FakeChat) -> None:
    """The next attempt finds the open stream in the thread, and makes it its own post."""
    world.slack.fail("chat.startStream", drop="after")
    chat.will(says(SAID), says(SAID))  # the first one was asked for beside the sign
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    async with app.database.reading() as connection:
        recorded = (await connection.execute(select(PostRow.post_id))).scalars().all()
    assert recorded == [post.ts for post in answers(world, root)]


async def test_a_sentence_of_ours_is_no_part_of_the_streamed_answer(world: World, app: App, chat: FakeChat) -> None:
    chat.will(refuses(503, "Retry-After: 1", message="later"), says(*SAID.splitlines(keepends=True), delay=0.02))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_one_line_without_an_end(world: World, app: App, chat: FakeChat) -> None:
    said = "word " * 1_500 + "end."
    chat.will(says(*(f"{word} " for word in said.removesuffix("end.").split()), "end.", delay=0.0005))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(app) == ["answered"]
    assert outcome(world, root, said) is Seen.WHOLE
    assert len(world.slack.called("chat.appendStream")) > 1  # it was shown while it grew
    assert world.slack.called("chat.update") == []


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.mark.parametrize(
    ("processes", "url"),
    [
        pytest.param(1, "sqlite", marks=pytest.mark.long),
        (2, "sqlite"),
        pytest.param(2, "postgresql", marks=pytest.mark.long),
    ],
    indirect=["url"],
)
async def test_twenty_at_once_stay_inside_the_tiers(world: World, chat: FakeChat, url: str, processes: int) -> None:
    """The fake fails the test where a call comes inside a Retry-After; here there is not even one."""
    slack = world.slack
    said = lines(40)
    chat.will(*[says(*said.splitlines(keepends=True), delay=0.1)] * 20)
    more = {"SLACK_SIGNING_SECRET": slack.app.signing_secret}
    if not url.startswith("sqlite"):
        more["ASKREPO_SECRET_KEYS"] = base64.b64encode(os.urandom(32)).decode()  # no file beside it to keep one in
    given = house.settings(slack, world.askrepo, chat, url, **more)
    async with house.askrepo(slack, given) as app, house.askrepo(slack, given, [Role.WORKER]) as other:
        workers = [app, other][:processes]
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        people = [slack.user(world.team, f"person{number}") for number in range(20)]  # one has no more than a share
        world.general.members.extend(people)
        began = asyncio.get_running_loop().time()
        asked = [slack.says(each, world.general, f"{world.askrepo.bot} {place}?") for place, each in enumerate(people)]
        roots = await asyncio.gather(*asked)
        await slack.until(
            lambda: all(slack.status(world.general, root.ts) or answers(world, root) for root in roots), 20
        )
        signs = asyncio.get_running_loop().time() - began
        assert await ended(app, 20, seconds=120) == ["answered"] * 20
        whole = asyncio.get_running_loop().time() - began
    print(f"{len(workers)} processes: signs after {signs:.1f} s, whole after {whole:.1f} s")
    assert [outcome(world, root, said) for root in roots] == [Seen.WHOLE] * 20
    assert [call for call in slack.calls if call.answer.get("error") == "ratelimited"] == []


async def die(app: App) -> None:
    """As a process that was killed: its tasks end, and its database takes no more of it."""
    worker = app._workers[0]
    running = list(worker._running.values())
    worker._running.clear()
    for hold, task in running:
        hold.lost.clear()
        task.cancel()
    await asyncio.gather(*(task for _, task in running), return_exceptions=True)
