"""Who may ask where, row by row: what people see, and what the service was asked for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.bootstrap import App
from core.conversation.values import ChannelRef
from tests.fakes.chat import FakeChat
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Channel, Message, User
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.askers import (
    REFUSED_GUEST,
    REFUSED_OUTSIDER,
    REFUSED_UNKNOWN,
    allow,
    ask,
    quiet,
    refused,
)
from tests.slack.house import World, answered


@pytest.fixture
def transport() -> str:
    """The payloads are the same over Socket Mode, for which the contract of all platforms stands."""
    return "http"


# members


@pytest.mark.parametrize("kind", ["public", "private", "mpim"])
async def test_a_member_is_answered_by_the_channels_mapping_and_token(
    world: World, app: App, chat: FakeChat, kind: Any
) -> None:
    channel = world.slack.channel(world.team, "room", world.alice, world.bob, kind=kind)
    await app.mappings.map(ChannelRef("slack", world.team.id, channel.id), "github.com/acme/room", actor="U0")
    await answered(world, await ask(world, world.bob, channel))
    (request,) = chat.requests
    assert (request.repository, request.token) == ("github.com/acme/room", "process-token-1234")


async def test_a_direct_message_needs_the_workspaces_default(world: World, app: App, chat: FakeChat) -> None:
    direct = world.slack.dm(world.bob)
    await world.slack.says(world.bob, direct, "where?")
    await refused(world, world.bob, "default repository, and it has none yet", channel=direct)
    assert chat.requests == []
    await app.mappings.set_default(world.place.workspace, "github.com/acme/default", actor="U0")
    await answered(world, await world.slack.says(world.bob, direct, "where now?"))
    assert [request.repository for request in chat.requests] == ["github.com/acme/default"]


# guests


@pytest.mark.parametrize("guest", ["restricted", "ultra_restricted"])
async def test_a_guest_is_refused_until_an_admin_allows_guests(
    world: World, app: App, chat: FakeChat, guest: str
) -> None:
    gina = world.slack.user(world.team, "gina", guest=guest)
    world.general.members.append(gina)
    await ask(world, gina)
    await refused(world, gina, REFUSED_GUEST)
    assert chat.requests == []
    await allow(app, world.place, guests=True)
    await answered(world, await ask(world, gina))
    assert [request.repository for request in chat.requests] == [house.REPOSITORY]


async def test_guests_are_allowed_in_that_channel_alone(world: World, app: App, chat: FakeChat) -> None:
    gina = world.slack.user(world.team, "gina", guest="restricted")
    other = world.slack.channel(world.team, "other", gina)
    await app.mappings.map(ChannelRef("slack", world.team.id, other.id), house.REPOSITORY, actor="U0")
    await allow(app, world.place, guests=True)
    await ask(world, gina, other)
    await refused(world, gina, REFUSED_GUEST, channel=other)
    assert chat.requests == []


async def test_a_guests_question_that_waits_behind_a_members_is_refused_on_its_own(
    world: World, app: App, chat: FakeChat
) -> None:
    gina = world.slack.user(world.team, "gina", guest="restricted")
    world.general.members.append(gina)
    go_on = asyncio.Event()
    chat.will(holding("The ", "answer.", go_on))
    root = await ask(world, world.alice)
    await chat.arrival()
    await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} and this?", thread=root)
    await world.slack.says(gina, world.general, f"{world.askrepo.bot} and me?", thread=root)
    go_on.set()
    await world.slack.until(lambda: world.slack.ephemerals(world.general, gina))
    await answered(world, root, 2)
    assert REFUSED_GUEST in world.slack.ephemerals(world.general, gina)[-1].body
    assert [request.questions for request in chat.requests] == [["where is login?"], ["and this?"]]


# other organisations


@pytest.fixture
async def shared(world: World, app: App) -> tuple[Channel, User, ChannelRef]:
    """A channel that was shared with another organisation before it was mapped, and somebody of theirs in it."""
    theirs = world.slack.team("rival")
    otto = world.slack.user(theirs, "otto")
    channel = world.slack.channel(world.team, "shared", world.alice, otto, shared_with=[theirs])
    place = ChannelRef("slack", world.team.id, channel.id)
    await app.mappings.map(place, house.REPOSITORY, actor=world.alice.id)
    return channel, otto, place


async def test_our_own_members_ask_in_a_shared_channel(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef]
) -> None:
    await answered(world, await ask(world, world.alice, shared[0]))
    assert len(chat.requests) == 1


async def test_a_file_in_a_shared_channel_is_read(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef]
) -> None:
    """Its event says nothing of it but its id."""
    log = world.slack.file(world.alice, "log.txt", b"it failed", "text/plain")
    await answered(world, await world.slack.says(world.alice, shared[0], f"{world.askrepo.bot} why?", files=[log]))
    assert "Attached file `log.txt`:\n\n```\nit failed\n```" in chat.requests[0].questions[0]


TEAMS = ("user_team", "team", "source_team")
SHAPES: dict[str, dict[str, Any]] = {  # what stands in the event instead of its three teams; "T" is theirs
    "as Slack sends it": {"user_team": "T", "team": "T", "source_team": "T"},
    "only user_team": {"user_team": "T"},
    "only team": {"team": "T"},
    "only source_team": {"source_team": "T"},
    "only the profile": {"user_profile": {"team": "T"}},
    "a stranger": {"user_profile": {"is_stranger": True}},
    "an organisation": {"user_team": "E0RIVAL", "team": "E0RIVAL"},
    "fields that disagree": {"user_team": "T", "team": "OURS"},
    "no team at all": {},
}
ENVELOPES: dict[str, dict[str, Any]] = {
    "ours": {},
    "not said to be shared": {"is_ext_shared_channel": False},
    "under their team_id": {"team_id": "T"},
    "without authorizations": {"authorizations": []},
}


def named(value: Any, **teams: str) -> Any:
    """The value with the teams in place of their letters."""
    if isinstance(value, dict):
        return {key: named(each, **teams) for key, each in value.items()}
    return teams.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("around", ENVELOPES)
@pytest.mark.parametrize("shape", SHAPES)
async def test_somebody_of_another_organisation_is_refused_by_every_shape(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef], shape: str, around: str
) -> None:
    channel, otto, _ = shared
    slack = world.slack
    subscriptions, slack.subscriptions = slack.subscriptions, set()
    question = await ask(world, otto, channel)  # nobody is told of it yet
    slack.subscriptions = subscriptions
    for kind in ("message", "app_mention"):
        teams = {"T": otto.team.id, "OURS": world.team.id}
        bare = {name: value for name, value in slack._message_event(question).items() if name not in TEAMS}
        event = {**bare, "type": kind, **named(SHAPES[shape], **teams)}
        envelope = slack.envelope(event, world.askrepo, channel) | named(ENVELOPES[around], **teams)
        await slack.pushing.push(Delivery("events_api", envelope))
    await refused(world, otto, REFUSED_OUTSIDER, REFUSED_UNKNOWN, channel=channel)
    await quiet(world, app, chat)


async def test_an_outsider_is_answered_where_an_admin_allowed_it(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef]
) -> None:
    channel, otto, place = shared
    await allow(app, place, outsiders=True)
    await answered(world, await ask(world, otto, channel))
    assert [request.repository for request in chat.requests] == [house.REPOSITORY]


@pytest.mark.parametrize("how", ["refused", "no user", "no team", "deleted"])
async def test_somebody_slack_says_nothing_about_is_refused(world: World, app: App, chat: FakeChat, how: str) -> None:
    uma = world.slack.user(world.team, "uma")
    world.general.members.append(uma)
    if how == "refused":
        world.slack.fail("users.info", error="user_not_visible", times=-1)
    elif how == "deleted":
        uma.deleted = True
    else:
        uma.public = lambda: {"id": uma.id, "is_bot": False} if how == "no team" else {}  # type: ignore[method-assign]
    await ask(world, uma)
    await refused(world, uma, REFUSED_UNKNOWN)
    assert chat.requests == []


@pytest.mark.parametrize(("who", "refusal"), [("outsider", REFUSED_OUTSIDER), ("guest", REFUSED_GUEST)])
@pytest.mark.parametrize("word", ["stop", "retry", "new", "mute"])
async def test_who_may_not_ask_does_not_steer(
    world: World,
    app: App,
    chat: FakeChat,
    shared: tuple[Channel, User, ChannelRef],
    word: str,
    who: str,
    refusal: str,
) -> None:
    channel, somebody, _ = shared
    if who == "guest":
        somebody = world.slack.user(world.team, "gina", guest="restricted")
        channel.members.append(somebody)
    root = await ask(world, world.alice, channel)
    await answered(world, root)
    go_on = asyncio.Event()
    if word == "stop":
        chat.will(holding("It is ", "there.", go_on))
        await world.slack.says(world.alice, channel, "and?", thread=root)
        await chat.arrival()
        await chat.arrival()
    await world.slack.says(somebody, channel, f"{world.askrepo.bot} {word}", thread=root)
    await world.slack.until(lambda: world.slack.ephemerals(channel, somebody))
    assert refusal in world.slack.ephemerals(channel, somebody)[-1].body
    go_on.set()
    if word != "stop":
        await world.slack.says(world.alice, channel, "and?", thread=root)
    posts = await answered(world, root, 2)
    assert "Stopped" not in posts[-1].body
    assert [len(request.messages) for request in chat.requests] == [1, 3]


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_word_waits_to_know_who_said_it_and_slack_does_not(
    world: World, app: App, chat: FakeChat, allowed: bool
) -> None:
    slack, gina = world.slack, world.slack.user(world.team, "gina", guest="restricted")
    world.general.members.append(gina)
    await allow(app, world.place, guests=allowed)
    chat.will(holding("It is ", "there.", go_on := asyncio.Event()))
    root = await ask(world, world.alice)
    await chat.arrival()
    slack.fail("users.info", hold=(told := asyncio.Event()))
    await slack.says(gina, world.general, f"{world.askrepo.bot} stop", thread=root)
    assert slack.ephemerals(world.general, gina) == []
    told.set()
    if not allowed:
        await slack.until(lambda: slack.ephemerals(world.general, gina))
        assert REFUSED_GUEST in slack.ephemerals(world.general, gina)[-1].body
        go_on.set()
    (answer,) = await answered(world, root)
    assert ("Stopped, as you asked." in answer.body) is allowed


async def test_an_outsider_stops_no_answer_and_judges_none(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef]
) -> None:
    channel, otto, place = shared
    world.slack.native_streaming = False  # else Slack shows a button of its own
    chat.will(holding("It is ", "there.", go_on := asyncio.Event()))
    root = await ask(world, world.alice, channel)
    await chat.arrival()

    def growing() -> list[Message]:
        posts = world.slack.thread(channel, root.ts)[1:]
        return [post for post in posts if any(each["action_id"] == "stop" for each in post.buttons)]

    await world.slack.until(growing)
    await world.slack.clicks(otto, growing()[0], "stop")
    await world.slack.until(lambda: world.slack.ephemerals(channel, otto))
    assert REFUSED_OUTSIDER in world.slack.ephemerals(channel, otto)[-1].body
    go_on.set()
    (answer,) = await answered(world, root)
    assert "Stopped" not in answer.body
    await world.slack.clicks(otto, answer, "feedback", "negative")
    await world.slack.until(lambda: len(world.slack.ephemerals(channel, otto)) == 2)
    assert REFUSED_OUTSIDER in world.slack.ephemerals(channel, otto)[-1].body
    assert await app.feedback.counts(place.workspace) == (0, 0)


async def test_a_guest_ends_no_answer_by_slacks_own_button(world: World, app: App, chat: FakeChat) -> None:
    """Slack ends the stream, whoever pressed it; the answer goes on in the post."""
    slack, gina = world.slack, world.slack.user(world.team, "gina", guest="restricted")
    world.general.members.append(gina)
    chat.will(holding("It is\n", "there.", go_on := asyncio.Event()))
    root = await ask(world, world.alice)

    def streams() -> list[Message]:
        return [post for post in slack.thread(world.general, root.ts)[1:] if post.stream and "It is" in post.body]

    await slack.until(streams)
    await slack.stops(gina, streams()[0])
    await slack.until(lambda: slack.ephemerals(world.general, gina))
    assert REFUSED_GUEST in slack.ephemerals(world.general, gina)[-1].body
    go_on.set()
    (answer,) = await answered(world, root)
    assert "there." in answer.body
    assert "Stopped" not in answer.body


# bots


@pytest.mark.parametrize("kind", ["bot", "webhook", "workflow", "slackbot"])
async def test_bots_webhooks_and_workflows_are_ignored(world: World, app: App, chat: FakeChat, kind: str) -> None:
    slack, other = world.slack, world.slack.user(world.team, "deploys", bot=True)
    event: dict[str, Any] = {
        "type": "message",
        "channel": world.general.id,
        "channel_type": "channel",
        "ts": slack.now_ts(),
        "text": f"{world.askrepo.bot} where is login?",
    }
    authors: dict[str, dict[str, Any]] = {
        "bot": {"user": other.id, "bot_id": "B0OTHER", "app_id": "A0OTHER"},
        "webhook": {"subtype": "bot_message", "bot_id": "B0HOOK", "username": "hook"},
        "workflow": {"user": other.id, "bot_id": "B0FLOW", "bot_profile": {"is_workflow_bot": True}},
        "slackbot": {"user": "USLACKBOT"},
    }
    for each in ("message", "app_mention"):
        await slack.deliver({**event, **authors[kind], "type": each}, world.askrepo, world.general)
    await quiet(world, app, chat)
    assert await app.threads.newest(world.place) is None
    assert [post for post in slack.posts(world.general) if post.author is world.askrepo.bot] == []
    assert world.general.ephemerals == []
