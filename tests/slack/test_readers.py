"""Channels whose readers change: a mapping is suspended until somebody confirms it, in whatever order it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.bootstrap import App
from core.channels.access import Audience
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Message
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.askers import SUSPENDED, WIDENED, ask, keep, refused, serving_all
from tests.slack.conftest import Start
from tests.slack.house import World, answered


@pytest.fixture
def transport() -> str:
    """The payloads are the same over Socket Mode, for which the contract of all platforms stands."""
    return "http"


async def shares(world: World) -> None:
    await world.slack.shares(world.general, world.slack.team("rival"))


async def changes_id(world: World) -> None:
    await world.slack.changes_id(world.general, "C0NEWID")


async def made_public(world: World) -> None:
    world.general.kind = "public"
    slack = world.slack
    event = {"type": "message", "subtype": "channel_convert_to_public", "channel": world.general.id}
    event |= {"user": world.alice.id, "ts": slack.now_ts(), "channel_type": "group", "text": ""}
    await slack.deliver(event, world.askrepo, world.general)


async def reads_along_unheard(world: World) -> None:
    """Slack does not tell, nor does the question's envelope: only conversations.info shows it."""
    before = world.general.public
    world.general.public = lambda: before() | {"is_ext_shared": True}  # type: ignore[method-assign]


async def leaves_and_comes_back(world: World) -> None:
    await world.slack.kicks_bot(world.general)
    await world.slack.invites_bot(world.general, world.bob)


async def archived_and_reopened(world: World) -> None:
    await world.slack.archives(world.general, world.alice)
    world.general.archived = False


@pytest.mark.parametrize(
    "change", [shares, changes_id, made_public, reads_along_unheard, leaves_and_comes_back, archived_and_reopened]
)
async def test_a_channel_with_other_readers_is_suspended_until_somebody_confirms(
    world: World, app: App, chat: FakeChat, change: Callable[[World], Awaitable[None]]
) -> None:
    world.general.kind = "private"
    if change is not reads_along_unheard:  # what was heard a moment ago must not count
        await answered(world, await ask(world, world.alice))
    else:
        await app.preferences.record_audience(world.place, Audience.PRIVATE)
    number, shown = len(chat.requests), [post.ts for post in world.slack.posts(world.general)]
    await change(world)
    await ask(world, world.alice, text="and now?")

    def told() -> list[str]:
        return [each.body for each in world.slack.ephemerals(world.general, world.alice)]

    await world.slack.until(lambda: any(SUSPENDED in body or WIDENED in body for body in told()))
    assert len(chat.requests) == number
    fresh = [post for post in world.slack.posts(world.general) if post.ts not in shown]
    assert [post.author for post in fresh] == [world.alice]
    assert [each.suspended for each in await app.mappings.list(world.place)] == [True]
    await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
    await answered(world, await ask(world, world.alice, text="confirmed?"))
    assert [request.questions for request in chat.requests[number:]] == [["confirmed?"]]


async def told(world: World, words: str) -> Message:
    """What Alice was told in private with these words, once she is."""

    def found() -> list[Message]:
        return [each for each in world.slack.ephemerals(world.general, world.alice) if words in each.shown]

    await world.slack.until(found)
    return found()[-1]


async def maps_by_command(world: World, app: App) -> None:
    await world.slack.command(world.alice, world.general, "map calcom/cal.com")
    await told(world, "Questions in this channel are about")


async def maps_by_form(world: World, app: App) -> None:
    slack, alice = world.slack, world.alice
    await slack.clicks(alice, await told(world, "No repository is mapped here yet."), "map")
    await slack.until(lambda: (form := slack.modal(alice)) is not None and "One moment" not in form.shown)
    form = slack.modal(alice)
    assert form is not None
    assert not (await slack.submits(alice, form, repository="calcom/cal.com")).answer
    await told(world, "Questions in this channel are about")


async def confirms(world: World, app: App) -> None:
    await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
    await app.mappings.suspend(world.place, actor="test")
    await world.slack.command(world.alice, world.general, "list")
    await world.slack.clicks(world.alice, await told(world, "suspended"), "confirm")
    await told(world, "Confirmed.")


@pytest.mark.parametrize("decides", [maps_by_command, maps_by_form, confirms])
async def test_who_reads_along_is_recorded_when_somebody_decides(
    world: World, start: Start, decides: Callable[[World, App], Awaitable[None]]
) -> None:
    """By Slack's word of now: what it said a moment ago to a question there does not count."""
    async with start() as app:
        await ask(world, world.alice)
        await told(world, "No repository is mapped here yet.")
        world.general.kind = "private"
        await decides(world, app)
        assert (await app.preferences.of(world.place)).audience is Audience.PRIVATE


async def test_more_readers_between_mapping_and_the_first_question_suspend(
    world: World, start: Start, chat: FakeChat
) -> None:
    world.general.kind = "private"
    async with start() as app:
        await maps_by_command(world, app)
        await chat.arrival()  # it is tried
    world.general.kind = "public"
    async with start() as app:
        await ask(world, world.alice)
        await refused(world, world.alice, WIDENED)
        assert [each.suspended for each in await app.mappings.list(world.place)] == [True]
    assert len(chat.requests) == 1


@pytest.mark.parametrize("known", [True, False])
async def test_mapping_another_confirms_nothing_that_was_mapped_for_fewer_readers(
    world: World, start: Start, known: bool
) -> None:
    """That it became public, Slack told nobody while we were away."""
    world.general.kind = "private"
    async with start() as app:
        await maps_by_command(world, app)
    world.general.kind = "public"
    async with start() as app:
        if known:
            await world.slack.command(world.alice, world.general, "map acme/other")
            await told(world, f"about `{house.REPOSITORY}` until it is confirmed")
        else:
            await app.mappings.map(world.place, "acme/other", actor="shell")
        await ask(world, world.alice, text="in:calcom/cal.com why?")
        await refused(world, world.alice, SUSPENDED if known else WIDENED)
        suspended = {each.repository for each in await app.mappings.list(world.place) if each.suspended}
        assert suspended == {house.REPOSITORY, *([] if known else ["github.com/acme/other"])}


async def test_where_slack_does_not_say_at_once_who_reads_along_it_is_mapped_all_the_same(
    world: World, start: Start, chat: FakeChat
) -> None:
    """A form is refused after three seconds. The question that waited for it finds out who reads along."""
    async with start() as app:
        question = await ask(world, world.alice)
        await told(world, "No repository is mapped here yet.")
        world.slack.fail("conversations.info", hold=(go_on := asyncio.Event()))
        await maps_by_form(world, app)
        go_on.set()
        await answered(world, question)
        assert (await app.preferences.of(world.place)).audience is Audience.PUBLIC


async def test_a_channel_that_became_shared_while_slack_was_asked_about_it(
    world: World, app: App, chat: FakeChat
) -> None:
    """Slack's word from before the sharing arrives after the event, and must neither count nor be remembered."""
    slack, held = world.slack, asyncio.Event()
    await app.preferences.record_audience(world.place, Audience.PRIVATE)
    world.general.kind = "private"
    fault = slack.fail("conversations.info", hold=held)
    await ask(world, world.alice)
    while fault.times:  # noqa: ASYNC110 - the fake tells nobody of it
        await asyncio.sleep(0.01)
    await shares(world)
    held.set()
    await refused(world, world.alice, SUSPENDED, WIDENED)
    assert len(slack.called("conversations.info")) == 2
    assert chat.requests == []


async def test_what_the_default_answers_is_broken_off_where_a_channel_becomes_shared(
    world: World, app: App, chat: FakeChat
) -> None:
    """Nothing is mapped there that could be suspended, but a default set for everywhere is not meant for others."""
    go_on = asyncio.Event()
    await app.mappings.unmap(world.place, actor=world.alice.id)
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    chat.will(holding("The beginning.\n\n", "The end.", go_on))
    await ask(world, world.alice)

    def shown() -> list[str]:
        return [post.body for post in world.slack.posts(world.general) if post.author is world.askrepo.bot]

    await world.slack.until(lambda: any("The beginning." in body for body in shown()))
    await shares(world)
    go_on.set()
    await refused(world, world.alice, "No repository is mapped here yet.")


async def test_the_default_answers_nothing_where_another_process_heard_that_a_channel_became_shared(
    world: World, app: App, chat: FakeChat
) -> None:
    await app.mappings.unmap(world.place, actor=world.alice.id)
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    world.general.kind = "private"
    await answered(world, await ask(world, world.alice))
    world.general.shared_with.append(world.slack.team("rival"))
    await world.slack.command(world.alice, world.general, "and why?")  # what Slack sends of it does not tell
    await told(world, "No repository is mapped here yet.")
    assert len(chat.requests) == 1


async def removed(world: World, seconds: int) -> None:
    """The app is removed, so long after now."""
    told = world.slack.envelope({"type": "app_uninstalled"}, world.askrepo)
    await world.slack.pushing.push(Delivery("events_api", told | {"event_time": told["event_time"] + seconds}))


async def test_what_was_mapped_before_the_app_was_removed_waits_for_somebody_to_confirm(
    slack: FakeSlack, chat: FakeChat, sqlite_url: str
) -> None:
    world, other = house.world(slack), house.world(slack)
    async with house.askrepo(slack, serving_all(slack, chat, sqlite_url)) as parts:
        for each in (world, other):
            await keep(parts, slack, each.askrepo)
            await parts.mappings.map(each.place, house.REPOSITORY, actor=each.alice.id)
        await removed(world, -60)  # and installed again before we heard of it
        assert [each.suspended for each in await parts.mappings.list(world.place)] == [False]
        await removed(world, 1)
        assert [each.suspended for each in await parts.mappings.list(world.place)] == [True]
        assert [each.suspended for each in await parts.mappings.list(other.place)] == [False]
        await asyncio.sleep(1)
        await keep(parts, slack, world.askrepo)
        await ask(world, world.alice)
        await refused(world, world.alice, SUSPENDED)
    assert chat.requests == []


async def test_rename_and_being_made_private_change_nothing(world: World, app: App, chat: FakeChat) -> None:
    await answered(world, await ask(world, world.alice))
    await world.slack.renames(world.general, "headquarters")
    world.general.kind = "private"
    event = {"type": "message", "subtype": "channel_convert_to_private", "channel": world.general.id}
    event |= {"user": world.alice.id, "ts": world.slack.now_ts(), "channel_type": "channel", "text": ""}
    await world.slack.deliver(event, world.askrepo, world.general)
    await answered(world, await ask(world, world.alice))
    assert [request.repository for request in chat.requests] == [house.REPOSITORY] * 2


async def test_a_deleted_channel_is_forgotten(world: World, app: App, chat: FakeChat) -> None:
    event = {"type": "channel_deleted", "channel": world.general.id}
    await world.slack.deliver(event, world.askrepo, world.general)
    assert await app.mappings.list(world.place) == ()
    await ask(world, world.alice)
    await refused(world, world.alice, "No repository is mapped here yet.")
    assert chat.requests == []


async def test_a_channel_of_the_same_name_is_another_channel(world: World, app: App, chat: FakeChat) -> None:
    await world.slack.archives(world.general, world.alice)
    again = world.slack.channel(world.team, world.general.name, world.alice)
    await ask(world, world.alice, again)
    await refused(world, world.alice, "No repository is mapped here yet.", channel=again)
    assert chat.requests == []


async def test_a_kick_in_mid_answer_ends_in_one_outcome(world: World, app: App, chat: FakeChat) -> None:
    go_on = asyncio.Event()
    chat.will(holding("The beginning.\n\n", "The end.", go_on))
    root = await ask(world, world.alice)

    def thread() -> list[Message]:
        return world.slack.thread(world.general, root.ts)[1:]

    await world.slack.until(lambda: any("The beginning." in post.body for post in thread()))
    world.slack.allows("not_in_channel")
    await world.slack.kicks_bot(world.general)
    go_on.set()
    direct = world.slack.dm(world.alice)
    await world.slack.until(lambda: world.slack.posts(direct) or world.slack.ephemerals(world.general, world.alice))
    assert not any("The end." in post.body for post in thread())
    assert len(chat.requests) == 1
