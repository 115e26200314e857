"""The line is full: Slack is to send a question again, and whoever asked is told so the last time that it does."""

from __future__ import annotations

import pytest

from core import wording
from core.bootstrap import App
from core.errors import LineFull, NoRoom
from core.relay.room import Room
from tests.fakes.chat import FakeChat
from tests.slack.house import World, answered
from tests.slack.test_readers import maps_by_form
from tests.turns import ended

NO_ROOM, FULL = wording.sentence(NoRoom()), wording.sentence(LineFull("", ""))


@pytest.fixture
def transport() -> str:
    """How often a delivery came is said in the same words over both."""
    return "http"


def close(app: App) -> None:
    """Nobody more may wait."""
    app.intake._room = Room(app.database, 0)
    app.revisions._room = Room(app.database, 0)


async def test_the_asker_is_told_when_slack_sends_it_no_more(world: World, app: App, chat: FakeChat) -> None:
    slack = world.slack
    slack.allows("not_acknowledged")
    close(app)
    await slack.says(world.alice, world.general, f"{world.askrepo.bot} how does it work?")
    for seconds in (0, 60, 300):
        assert slack.ephemerals(world.general, world.alice) == []
        slack.advance(seconds)
        delivered = await slack.retries()
    assert [each.acknowledged for each in delivered] == [True, True]  # a message, and the mention in it
    assert await ended(app) == ["refused"]
    (told,) = slack.ephemerals(world.general, world.alice)
    assert NO_ROOM in told.text
    assert [button["action_id"] for button in told.buttons] == ["again"]
    assert chat.requests == []


async def test_whoever_asks_by_an_edit_is_told_when_slack_sends_it_no_more(
    world: World, app: App, chat: FakeChat
) -> None:
    slack = world.slack
    slack.allows("not_acknowledged")
    root = await slack.says(world.alice, world.general, "how does it work?")
    close(app)
    await slack.edits(root, f"{world.askrepo.bot} how does it work?")
    for seconds in (0, 60, 300):
        assert slack.ephemerals(world.general, world.alice) == []
        slack.advance(seconds)
        delivered = await slack.retries()
    assert [each.acknowledged for each in delivered] == [True]
    assert await ended(app) == ["refused"]
    (told,) = slack.ephemerals(world.general, world.alice)
    assert NO_ROOM in told.text


async def test_a_command_is_sent_once_and_so_is_told_at_once(world: World, app: App, chat: FakeChat) -> None:
    close(app)
    delivery = await world.slack.command(world.alice, world.general, "how does it work?")
    assert delivery.acknowledged
    assert await ended(app) == ["refused"]
    (told,) = world.slack.ephemerals(world.general, world.alice)
    assert NO_ROOM in told.text
    assert chat.requests == []


async def test_who_maps_for_a_question_that_finds_no_room_is_told_so(world: World, app: App, chat: FakeChat) -> None:
    await app.mappings.unmap(world.place, actor=world.alice.id)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} how does it work?")
    await ended(app)
    close(app)
    await maps_by_form(world, app)
    await world.slack.until(lambda: world.slack.ephemerals(world.general, world.alice)[-1].shown == FULL)


async def test_whoever_wants_it_answered_again_is_told_so(world: World, app: App, chat: FakeChat) -> None:
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} how does it work?")
    await answered(world, root)
    await ended(app)
    close(app)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} retry", thread=root.ts)
    await world.slack.until(lambda: world.slack.ephemerals(world.general, world.alice))
    (told,) = world.slack.ephemerals(world.general, world.alice)
    assert told.text == FULL
    assert len(chat.requests) == 1
