"""Edited, deleted, asked again; questions without a post of their own; the platform's pace and its doubts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.channels.access import Audience, Standing
from core.channels.grammar import ThreadWord
from core.cipher import Keyring
from core.conversation.threads import Threads
from core.conversation.values import UNSAID, ChannelRef, ThreadRef
from core.database import Database
from core.errors import AskrepoError, DeliveryUncertain, GaveUp, NotMapped, NotYet, PlaceGone, PostGone
from core.relay.claims import Scope
from core.relay.delivery import ECHO, Surroundings
from core.relay.intake import Accepted
from core.relay.limits import Uncounted
from core.relay.revisions import Revised
from core.relay.steering import Steering
from core.tables import TurnRow
from tests.channels.places import confirmed
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.platform import FakePlatform
from tests.platform_contract import holding
from tests.relay.house import Process
from tests.relay.places import HERE, question

ENDLESS = ["endless "] * 10_000


async def texts_kept(database: Database) -> list[bool]:
    """Of every turn, whether anything of its answer, reference or context is stored."""
    async with database.reading() as connection:
        rows = await connection.execute(select(TurnRow.answer, TurnRow.context, TurnRow.reference))
        return [any(each is not None for each in row) for row in rows]


async def test_an_edited_question_that_is_being_answered_is_answered_anew_in_its_post(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("About the old.\n", *ENDLESS, delay=0.02), says("About the new."))
    accepted = await process.intake.accept(question("Old?", within=HERE))
    assert accepted.turn_id is not None
    ended = process.worker.outcome(accepted.turn_id)
    await platform.until(lambda: any("old" in post.text for post in platform.visible(HERE)))
    assert await process.revisions.revise(question("New?", within=HERE)) == (Revised.REPLACED, accepted.turn_id)
    assert await ended == "answered"
    (post,) = platform.visible(HERE)
    assert post.text == "About the new."
    assert [request.question for request in chat.requests] == ["Old?", "New?"]


async def test_an_edit_while_the_refusal_of_its_old_words_goes_out_is_answered(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    async def step(name: str) -> None:
        if name == "after tell":
            assert (await process.revisions.revise(question("Who?", within=HERE)))[0] is Revised.REPLACED

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question("in:wrold Who?", within=HERE)) == "answered"
    assert [request.question for request in chat.requests] == ["Who?"]
    assert len(platform.notices[HERE]) == 1


@pytest.mark.parametrize("why", [NotMapped(), GaveUp()])
async def test_an_edit_between_the_refusal_of_its_old_words_and_the_notice_is_answered(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat, why: AskrepoError
) -> None:
    """The worker died when it had recorded what is to be told, and this one takes over."""
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    chat.will(says("About the new."))
    accepted = await process.intake.accept(question("in:wrold Who?", within=HERE))
    (claim,) = await process.leases.claim("dead", Scope((HERE.channel.platform,)), most=1)
    await process.leases.decline(claim, why)
    await process.revisions.revise(question("Who?", within=HERE))
    await process.leases.free_thread(HERE)
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["About the new."]
    assert platform.notices[HERE] == []


async def test_an_edit_a_moment_before_the_answer_ends_is_answered_too(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    go_on = asyncio.Event()
    chat.will(holding("About ", "the old.", go_on), says("About the new."))
    asking = asyncio.create_task(process.ask(question("Old?", within=HERE)))
    await platform.until(lambda: "About " in platform.texts)
    await process.revisions.revise(question("New?", within=HERE))
    go_on.set()
    assert await asking == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["About the new."]
    assert [request.question for request in chat.requests] == ["Old?", "New?"]


async def test_an_edit_of_an_answered_question_is_told_and_changes_what_is_asked_again(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("First."), says("Second."))
    await process.ask(question("Old?", within=HERE))
    assert (await process.revisions.revise(question("Old?", within=HERE)))[0] is Revised.SAME
    revised, turn_id = await process.revisions.revise(question("New?", within=HERE))
    assert revised is Revised.ANSWERED
    ended = process.worker.outcome(turn_id)
    assert await process.revisions.again(HERE.channel.workspace, turn_id)
    assert await ended == "answered"
    (post,) = platform.visible(HERE)
    assert post.text == "Second."
    assert chat.requests[-1].json["messages"] == [{"role": "user", "content": "New?"}]


async def test_an_edit_that_is_delivered_again_behind_a_later_one_changes_nothing(process: Process) -> None:
    asked = question("Old?", within=HERE)
    await process.intake.accept(asked)
    newest = replace(asked, text="Newest?", edited=2)
    assert (await process.revisions.revise(newest))[0] is Revised.REPLACED
    assert (await process.revisions.revise(replace(asked, text="New?", edited=1)))[0] is Revised.SAME
    assert [turn.question.text for turn in await process.history.turns(HERE)] == ["Newest?"]
    assert (await process.revisions.revise(replace(newest, text="In the same moment?")))[0] is Revised.REPLACED


async def test_an_edit_that_was_undone_and_is_delivered_again_changes_nothing(process: Process) -> None:
    asked = question("As it was?", within=HERE)
    await process.intake.accept(asked)
    assert (await process.revisions.revise(replace(asked, edited=2)))[0] is Revised.SAME
    assert (await process.revisions.revise(replace(asked, text="Undone?", edited=1)))[0] is Revised.SAME
    assert [turn.question.text for turn in await process.history.turns(HERE)] == ["As it was?"]


async def test_an_edit_that_is_older_than_the_one_by_which_it_was_asked_changes_nothing(process: Process) -> None:
    asked = replace(question("As it is now?", within=HERE), edited=2)
    await process.intake.accept(asked)
    assert (await process.revisions.revise(replace(asked, text="As it was?", edited=1)))[0] is Revised.SAME


async def test_an_edit_of_what_was_never_asked(process: Process) -> None:
    assert await process.revisions.revise(question(within=HERE)) == (Revised.UNKNOWN, "")


@pytest.mark.parametrize("elsewhere", [{"workspace_id": "W2"}, {"channel_id": "C2"}, {"platform": "discord"}], ids=str)
async def test_what_happens_to_a_message_with_the_same_id_elsewhere_changes_nothing(
    process: Process, chat: FakeChat, elsewhere: dict[str, str]
) -> None:
    asked = question("Mine?", within=HERE)
    await process.ask(asked)
    (before,) = await process.history.turns(HERE)
    theirs = replace(HERE, channel=replace(HERE.channel, **elsewhere))
    assert await process.revisions.revise(question("Theirs?", within=theirs)) == (Revised.UNKNOWN, "")
    assert await process.revisions.erase(theirs.channel, asked.message_id) is None
    assert await process.history.turns(HERE) == [before]


async def test_a_question_asked_again_knows_nothing_of_what_came_after_it(process: Process, chat: FakeChat) -> None:
    chat.will(says("One."), says("Two."), says("One again."))
    await process.ask(question("First?", at=1, within=HERE))
    await process.ask(question("Second?", at=2, within=HERE))
    first = (await process.history.turns(HERE))[0].turn_id
    ended = process.worker.outcome(first)
    assert await process.revisions.again(HERE.channel.workspace, first)
    await ended
    assert chat.requests[-1].json["messages"] == [{"role": "user", "content": "First?"}]


async def test_an_answer_stays_where_its_question_would_be_refused_today(
    process: Process, platform: FakePlatform, chat: FakeChat, database: Database
) -> None:
    """Its asker alone would be told, and may be gone: whoever wants it anew hears why, and nothing is taken away."""
    chat.will(says("One."), says("One again."))
    await process.ask(question(within=HERE))
    turn = (await process.history.turns(HERE))[0].turn_id
    threads = Threads(database)
    stop = process.worker.stop
    steering = Steering(threads, process.history, process.mappings, process.revisions, stop, Uncounted())
    await process.mappings.unmap(HERE.channel, actor="U0")
    by_word = await steering.steered(HERE, ThreadWord.RETRY, 9, "U1")
    for said in (await steering.again(HERE.channel, turn, "U1"), by_word):
        assert "map" in said
    assert await process.records() == {question().message_id: "answered"}
    await process.map(HERE.channel)
    ended = process.worker.outcome(turn)
    assert await steering.again(HERE.channel, turn, "U1") == ""
    assert await ended == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["One again."]


@pytest.mark.parametrize("gone", [False, True])
async def test_an_answer_stays_where_its_asker_may_not_ask_any_more(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat, gone: bool
) -> None:
    """Somebody else wants it anew: what everybody could read is not taken from them."""

    async def step(name: str) -> None:
        if gone and name == "before tell":
            raise PlaceGone("nobody of this name")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    chat.will(says("One."), says("One again."))
    known = platform.surroundings
    async with process.running():
        await process.ask(question(within=HERE))
        (turn,) = await process.history.turns(HERE)
        platform.surroundings = replace(known, standing=Standing.UNKNOWN)
        assert await answered_again(process, turn.turn_id) == "answered"
        assert [post.text for post in platform.visible(HERE)] == ["One."]
        assert len(platform.notices[HERE]) == int(not gone)
        assert await process.history.turns(HERE) == [turn]
        platform.surroundings = known
        assert await answered_again(process, turn.turn_id) == "answered"
        assert [post.text for post in platform.visible(HERE)] == ["One again."]


async def test_an_answer_stays_where_asking_again_fails_before_it_shows_anything(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    broken = False

    async def step(name: str) -> None:
        if broken and name == "before survey":
            raise RuntimeError("ours")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    chat.will(says("One."))
    async with process.running():
        await process.ask(question(within=HERE))
        broken = True
        (turn,) = await process.history.turns(HERE)
        assert await answered_again(process, turn.turn_id) == "answered"
        assert [post.text for post in platform.visible(HERE)] == ["One."]
        assert len(platform.notices[HERE]) == 1
        assert await process.history.turns(HERE) == [turn]


async def test_an_answer_that_gave_way_does_not_stay_where_the_place_goes(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    gone = False

    async def step(name: str) -> None:
        if gone and name == "before show":
            raise PlaceGone("archived")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    chat.will(says("One."), says("One again."))
    async with process.running():
        await process.ask(question(within=HERE))
        gone = True
        (turn,) = await process.history.turns(HERE)
        assert await answered_again(process, turn.turn_id) == "failed"


async def test_an_answer_stays_with_all_that_it_covers(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    chat.will(says("Both."), says("Both again."))
    accepted = [await process.intake.accept(question(at=at, within=HERE)) for at in (1, 2)]
    assert accepted[0].turn_id is not None
    known = platform.surroundings
    async with process.running():
        assert await process.worker.outcome(accepted[0].turn_id) == "answered"
        turns = await process.history.turns(HERE)
        platform.surroundings = replace(known, standing=Standing.UNKNOWN)
        assert await answered_again(process, accepted[0].turn_id) == "answered"
        assert await process.history.turns(HERE) == turns
        assert len(platform.notices[HERE]) == 1
        platform.surroundings = known
        assert await answered_again(process, accepted[0].turn_id) == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["Both again."]
    asked = [[message["content"] for message in request.json["messages"]] for request in chat.requests]
    assert asked[0] == asked[1]
    assert set((await process.records()).values()) == {"answered"}


async def test_an_answer_that_stays_is_none_to_what_was_edited_since(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    chat.will(says("Both."))
    first, second = [await process.intake.accept(question(at=at, within=HERE)) for at in (1, 2)]
    assert first.turn_id is not None
    assert second.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(first.turn_id) == "answered"
        await process.revisions.revise(question("Meant otherwise.", at=2, within=HERE))
        platform.surroundings = replace(platform.surroundings, standing=Standing.UNKNOWN)
        edited = asyncio.ensure_future(process.worker.outcome(second.turn_id))
        assert await answered_again(process, first.turn_id) == "answered"
        assert await edited == "refused"
    assert [post.text for post in platform.visible(HERE)] == ["Both."]
    assert len(platform.notices[HERE]) == 2


async def test_a_stop_before_it_is_asked_again_leaves_the_answer(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    chat.will(says("One."))
    async with process.running():
        await process.ask(question(within=HERE))
    (turn,) = await process.history.turns(HERE)
    assert await process.revisions.again(HERE.channel.workspace, turn.turn_id)
    assert await process.leases.stop(HERE)
    async with process.running():
        assert await process.worker.outcome(turn.turn_id) == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["One."]
    assert await process.history.turns(HERE) == [turn]
    assert len(chat.requests) == 1


async def test_an_answer_that_gave_way_already_does_not_stay(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    """What it was asked with is taken back while it is given anew."""
    chat.will(says("One."), says("One again, ", *ENDLESS, delay=0.02))
    await process.ask(question(within=HERE))
    (turn,) = await process.history.turns(HERE)
    ending = asyncio.create_task(answered_again(process, turn.turn_id))
    await platform.until(lambda: any("again" in post.text for post in platform.visible(HERE)))
    await process.mappings.unmap(HERE.channel, actor="U0")
    assert await ending == "refused"
    assert platform.visible(HERE) == []
    assert len(platform.notices[HERE]) == 1


async def answered_again(process: Process, turn_id: str) -> str:
    """The outcome that a question has when it was asked again."""
    ended = process.worker.outcome(turn_id)
    assert await process.revisions.again(HERE.channel.workspace, turn_id)
    return await ended


async def test_what_is_open_is_not_asked_again(process: Process, platform: FakePlatform, chat: FakeChat) -> None:
    chat.will(says(*ENDLESS, delay=0.02))
    accepted = await process.intake.accept(question(within=HERE))
    assert accepted.turn_id is not None
    await platform.until(lambda: any("endless" in post.text for post in platform.visible(HERE)))
    assert not await process.revisions.again(HERE.channel.workspace, accepted.turn_id)
    assert not await process.revisions.again(HERE.channel.workspace, "unknown")
    await process.worker.stop(HERE)


async def test_a_deleted_question_is_stopped_and_nothing_of_it_is_kept(
    process: Process, platform: FakePlatform, chat: FakeChat, database: Database
) -> None:
    platform.surroundings = replace(platform.surroundings, context="Earlier: a secret.")
    chat.will(says("The secret is ", *ENDLESS, delay=0.02))
    accepted = await process.intake.accept(replace(question(within=HERE), reference="where it was asked"))
    assert accepted.turn_id is not None
    ended = process.worker.outcome(accepted.turn_id)
    await platform.until(lambda: any("secret" in post.text for post in platform.visible(HERE)))
    assert await process.revisions.erase(HERE.channel, question(within=HERE).message_id) == HERE
    assert await ended == "stopped"
    assert await texts_kept(database) == [False]
    (turn,) = await process.history.turns(HERE)
    assert turn.question.text == ""
    assert not await process.revisions.again(HERE.channel.workspace, accepted.turn_id)


async def test_nothing_is_kept_of_a_question_that_is_deleted_before_any_worker_had_it(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    asked = replace(question(within=HERE), reference="where it was asked")
    await process.intake.accept(asked)
    assert await process.revisions.erase(HERE.channel, asked.message_id) == HERE
    assert await process.records() == {asked.message_id: "stopped"}
    assert await texts_kept(database) == [False]


async def test_a_question_that_was_deleted_before_it_came_is_there_already_and_counts_nowhere(
    process: Process, database: Database, chat: FakeChat
) -> None:
    threads, workspace = Threads(database), HERE.channel.workspace
    gone = replace(question("My secret?", at=5, within=HERE), reference="where it was asked")
    await process.revisions.forestall(gone)
    assert await process.intake.accept(gone) == Accepted(None)
    assert await process.records() == {gone.message_id: "stopped"}
    assert await texts_kept(database) == [False]
    assert await threads.standing(HERE, "U1") is None
    assert await threads.recent(workspace, "U1") == []
    assert await process.revisions.newest_ended(HERE) is None
    await process.ask(question("First?", at=6, within=HERE, by="U2"))
    assert chat.requests[-1].json["messages"] == [{"role": "user", "content": "First?"}]
    standing = await threads.standing(HERE, "U1")
    assert standing is not None
    assert not standing.asked_before


async def test_a_question_that_came_before_its_deletion_is_erased_as_ever(process: Process, database: Database) -> None:
    asked = question("My secret?", within=HERE)
    await process.ask(asked)
    await process.revisions.forestall(asked)
    assert await process.records() == {asked.message_id: "answered"}
    assert await process.revisions.erase(HERE.channel, asked.message_id) == HERE
    assert await texts_kept(database) == [False]


async def test_what_was_read_of_a_post_that_is_deleted_goes_with_no_later_question(
    process: Process, platform: FakePlatform, chat: FakeChat, database: Database
) -> None:
    """What is asked with it just now is answered."""
    around, channel, go_on = platform.surroundings, HERE.channel, asyncio.Event()
    platform.surroundings = replace(around, context="Earlier: a secret.")
    chat.will(holding("One.\n", "And that.", go_on), says("Two."))
    asking = asyncio.create_task(process.ask(question("First?", at=2, within=HERE)))
    await chat.arrival()
    await process.revisions.forget_around(replace(channel, workspace_id="W2"), {HERE.thread_id}, 1)
    await process.revisions.forget_around(channel, {"another"}, 1)
    await process.revisions.forget_around(channel, {HERE.thread_id}, 3)  # posted after it was asked
    assert await texts_kept(database) == [True]
    await process.revisions.forget_around(channel, {"another", HERE.thread_id}, 1)
    go_on.set()
    assert await asking == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["One.\nAnd that."]
    platform.surroundings = around
    await process.ask(question("Second?", at=4, within=HERE))
    first, second = [[each["content"] for each in request.json["messages"]] for request in chat.requests]
    assert first == ["First?\n\nEarlier: a secret."]
    assert second == ["First?", "One.\nAnd that.", "Second?"]


async def test_of_many_messages_only_questions_are_known(process: Process) -> None:
    asked = question("Old?", within=HERE)
    await process.intake.accept(asked)
    many = [*map(str, range(1, 100)), asked.message_id]
    assert await process.revisions.known(HERE.channel, many) == (asked.message_id,)
    assert await process.revisions.known(replace(HERE.channel, workspace_id="other"), many) == ()
    assert await process.revisions.known(HERE.channel, []) == ()


@pytest.mark.parametrize("inside", [False, True])
async def test_a_question_without_a_post_is_forgotten_with_the_post_that_shows_it(
    process: Process, platform: FakePlatform, chat: FakeChat, database: Database, inside: bool
) -> None:
    chat.will(says("The secret is ", *ENDLESS, delay=0.02))
    place = HERE if inside else ThreadRef(HERE.channel, f"{UNSAID}1")
    accepted = await process.intake.accept(question("My secret?", within=place, message_id=f"{UNSAID}1"))
    assert accepted.turn_id is not None
    ended = process.worker.outcome(accepted.turn_id)
    await platform.until(lambda: any("The secret" in text for text in platform.texts))
    shown = [(thread, *item) for thread, posts in platform.posts.items() for item in posts.items()]
    ((begun, echo),) = [(thread, post_id) for thread, post_id, post in shown if post.number == ECHO]
    elsewhere = ChannelRef("slack", HERE.channel.workspace_id, "C2")
    within = begun.thread_id if inside else None
    assert await process.revisions.known(elsewhere, [echo], within) == ()
    assert await process.revisions.known(HERE.channel, [echo, "another"], within) == (echo,)
    assert await process.revisions.erase(elsewhere, echo, begun.thread_id) is None
    assert await process.revisions.erase(HERE.channel, "another", begun.thread_id) is None
    assert await process.revisions.erase(HERE.channel, echo, within) == begun
    assert await ended == "stopped"
    assert await texts_kept(database) == [False]
    (turn,) = await process.history.turns(begun)
    assert turn.question.text == ""


async def test_a_deleted_question_leaves_the_conversation(process: Process, chat: FakeChat) -> None:
    chat.will(says("One."), says("Two."))
    await process.ask(question("First?", at=1, within=HERE))
    await process.revisions.erase(HERE.channel, question(at=1, within=HERE).message_id)
    await process.ask(question("Second?", at=2, within=HERE))
    assert chat.requests[-1].json["messages"] == [{"role": "user", "content": "Second?"}]


async def test_a_question_without_a_post_is_shown_and_begins_a_thread(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("So."), says("And so."))
    nowhere = ThreadRef(HERE.channel, f"{UNSAID}1")
    assert await process.ask(question("How?", within=nowhere, message_id=f"{UNSAID}1")) == "answered"
    (begun,) = [place for place, posts in platform.posts.items() if posts and place != nowhere]
    echo, answer = platform.visible(begun)
    assert (echo.number, echo.text, answer.text) == (ECHO, "How?", "So.")
    await process.ask(question("And then?", at=2, within=begun))
    assert [message["content"] for message in chat.requests[-1].json["messages"]] == ["How?", "So.", "And then?"]


async def test_what_stood_around_the_first_question_goes_with_every_later_one(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("One."), says("Two."))
    platform.surroundings = replace(platform.surroundings, context="Earlier: it broke.", remarks=("Not all was read.",))
    await process.ask(question("Why?", at=1, within=HERE))
    await process.ask(question("Since when?", at=2, within=HERE))
    first, *_ = chat.requests[-1].json["messages"]
    assert first["content"] == "Why?\n\nEarlier: it broke."
    assert platform.visible(HERE)[0].text == "One.\n\nNot all was read."


async def test_who_may_not_ask_is_told_so_and_nothing_is_sent(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    platform.surroundings = Surroundings(Standing.GUEST, Audience.PRIVATE)
    assert await process.ask(question(at=1, within=HERE)) == "refused"
    platform.surroundings = Surroundings(Standing.UNKNOWN, Audience.PRIVATE)
    assert await process.ask(question(at=2, within=HERE)) == "refused"
    assert (len(platform.notices[HERE]), platform.visible(HERE), chat.requests) == (2, [], [])


async def test_a_place_that_more_people_can_read_is_suspended_until_somebody_confirms(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    assert await process.ask(question(at=1, within=HERE)) == "answered"
    platform.surroundings = Surroundings(Standing.MEMBER, Audience.PUBLIC)
    assert await process.ask(question(at=2, within=HERE)) == "refused"
    platform.surroundings = Surroundings(Standing.MEMBER, Audience.PRIVATE)
    assert await process.ask(question(at=3, within=HERE)) == "refused"
    platform.surroundings = Surroundings(Standing.MEMBER, Audience.PUBLIC)
    await confirmed(process.mappings, HERE.channel, actor="U0")
    assert await process.ask(question(at=4, within=HERE)) == "answered"
    assert len(chat.requests) == 2


async def test_what_the_pace_does_not_allow_yet_is_shown_later_with_newer_text(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("One. ", "Two. ", "Three.", delay=0.01))
    shows = 0

    async def step(name: str) -> None:
        nonlocal shows
        if name == "before show":
            shows += 1
            if shows % 2:
                raise NotYet(0.05)

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["One. Two. Three."]


async def test_a_post_that_takes_no_edit_is_withdrawn_before_anything_else(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """Though the pace holds that back: edited again instead, it would be refused again, and again."""
    calls: list[str] = []

    async def step(name: str) -> None:
        when, call = name.split()
        if when == "before" and call in {"show", "withdraw"}:
            calls.append(call)
            if calls == ["show", "show"]:
                raise PostGone("edited once too often")
            if call == "withdraw" and calls.count("withdraw") < 3:
                raise NotYet(0.0)

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "answered"
    assert calls[:6] == ["show", "show", *["withdraw"] * 3, "show"]
    assert len(platform.visible(HERE)) == 1


async def test_after_a_doubt_it_looks_before_it_posts(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    platform.characters = 300
    chat.will(says(*[f"Paragraph {number} of the answer.\n\n" for number in range(40)]))
    doubtful = {2, 3}  # posts that are there, which nobody is told of

    async def step(name: str) -> None:
        if name == "after show" and (number := len(platform.visible(HERE))) in doubtful:
            doubtful.remove(number)
            raise DeliveryUncertain("the reply was lost")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "answered"
    shown = platform.visible(HERE)
    assert not doubtful
    assert [post.number for post in shown] == list(range(len(shown)))
    assert "".join(post.text for post in shown).count("Paragraph") == 40


async def test_an_answer_of_too_many_posts_is_attached_as_a_file(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    platform.characters, platform.most_posts = 300, 3
    whole = "".join(f"Paragraph {number} of the answer.\n\n" for number in range(60))
    chat.will(says(whole))
    assert await process.ask(question(within=HERE)) == "answered"
    posts = {post.number: post for post in platform.visible(HERE)}
    assert sorted(posts) == [0, 1, 2, 3]
    assert posts[3].attached
    assert posts[3].text == whole
    assert posts[2].footer is not None
    assert posts[2].footer.attached
    assert whole.startswith(posts[0].text)
