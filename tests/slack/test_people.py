"""Who may ask where, row by row: what people see, and what the service was asked for it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bots.slack.installation import SlackInstallation
from core.bootstrap import App
from core.channels.access import Audience
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Channel, Installation, Message, Team, User
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.house import World, answered

REFUSED_GUEST = "Guests may not ask in this channel."
REFUSED_OUTSIDER = "People of other organisations may not ask in this channel."
REFUSED_UNKNOWN = "I could not find out whether you may ask here"
SUSPENDED = "more people can read this channel than when it was mapped"
WIDENED = "More people can read this channel than when its repository was mapped"


@pytest.fixture
def transport() -> str:
    """The payloads are the same over Socket Mode, for which the contract of all platforms stands."""
    return "http"


async def allow(app: App, place: ChannelRef, *, guests: bool = False, outsiders: bool = False) -> None:
    await app.preferences.set(
        place,
        follow_ups=FollowUps.SMART,
        guests=guests,
        outsiders=outsiders,
        model=None,
        instructions=None,
        actor="U0",
    )


async def ask(world: World, user: User, channel: Channel | None = None, text: str = "where is login?") -> Message:
    return await world.slack.says(user, channel or world.general, f"{world.askrepo.bot} {text}")


async def refused(world: World, user: User, *words: str, channel: Channel | None = None) -> None:
    """Wait until this person was told privately, last of all with one of these words; nothing of ours is shown."""
    place = channel or world.general

    def told() -> list[str]:
        return [each.body for each in world.slack.ephemerals(place, user)]

    await world.slack.until(lambda: any(word in body for body in told()[-1:] for word in words))
    shown = [post for post in world.slack.posts(place) if post.author is world.askrepo.bot]
    assert shown == []


async def quiet(world: World, app: App, chat: FakeChat) -> None:
    """Whatever was still to be done for what was said so far has been done, once a question asked later is answered."""
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U0")
    number = len(chat.requests)
    question = await world.slack.says(world.alice, world.slack.dm(world.alice), "is all done?")
    await answered(world, question)
    assert [request.questions for request in chat.requests[number:]] == [["is all done?"]]
    await app.mappings.set_default(world.place.workspace, None, actor="U0")


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
    await refused(world, world.bob, "No repository is mapped here yet.", channel=direct)
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


@pytest.mark.parametrize("word", ["stop", "retry", "new", "mute"])
async def test_an_outsider_does_not_steer(
    world: World, app: App, chat: FakeChat, shared: tuple[Channel, User, ChannelRef], word: str
) -> None:
    channel, otto, _ = shared
    root = await ask(world, world.alice, channel)
    await answered(world, root)
    go_on = asyncio.Event()
    if word == "stop":
        chat.will(holding("It is ", "there.", go_on))
        await world.slack.says(world.alice, channel, "and?", thread=root)
        await chat.arrival()
        await chat.arrival()
    await world.slack.says(otto, channel, f"{world.askrepo.bot} {word}", thread=root)
    await world.slack.until(lambda: world.slack.ephemerals(channel, otto))
    assert REFUSED_OUTSIDER in world.slack.ephemerals(channel, otto)[-1].body
    go_on.set()
    if word != "stop":
        await world.slack.says(world.alice, channel, "and?", thread=root)
    posts = await answered(world, root, 2)
    assert "Stopped" not in posts[-1].body
    assert [len(request.messages) for request in chat.requests] == [1, 3]


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


# channels that change


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


# the orders in which sharing, asking and confirming may happen


EVENTS = ("share", "move", "unshare", "ask", "flush", "confirm")
ORDERS = [
    order
    for order in itertools.permutations(EVENTS)
    if order.index("share") < order.index("unshare") and order.index("ask") < order.index("flush")
]


@pytest.mark.parametrize("seed", [3, pytest.param(None, marks=pytest.mark.long)])
async def test_nothing_is_shown_between_sharing_and_confirming_in_any_order(
    slack: FakeSlack, chat: FakeChat, tmp_path: Path, seed: int | None
) -> None:
    """A few orders, drawn by the seed; in the long run all of them. Each has a workspace of its own."""
    orders = ORDERS if seed is None else random.Random(seed).sample(ORDERS, 20)
    go_on: dict[str, asyncio.Event] = {}

    async def held(exchange: Exchange) -> None:
        (number,) = [number for number in go_on if f"question {number}?" in exchange.request.question]
        await holding("The beginning.\n\n", "The end.", go_on[number])(exchange)

    chat._default = held
    worlds = [house.world(slack) for _ in orders]
    async with house.askrepo(slack, by_oauth(slack, chat, tmp_path)) as parts:
        for world in worlds:
            await keep(parts, slack, world.askrepo)
        for start in range(0, len(orders), 20):
            rooms = [Room(worlds[at], parts, str(at), orders[at]) for at in range(start, min(start + 20, len(orders)))]
            go_on.update({room.name: room.go_on for room in rooms})
            await asyncio.gather(*(room.live() for room in rooms))


class Room:
    """A private channel in which the six things happen in one order."""

    def __init__(self, world: World, app: App, name: str, order: tuple[str, ...]) -> None:
        self.world, self.app, self.name, self.order = world, app, name, order
        self.go_on = asyncio.Event()
        self.channel = world.slack.channel(world.team, f"room-{name}", world.alice, kind="private")
        self.closed = self.refused = self.ended_before = False
        self.question: Message | None = None

    @property
    def place(self) -> ChannelRef:
        return ChannelRef("slack", self.world.team.id, self.channel.id)

    def shown(self) -> str:
        return "\n".join(post.body for post in self.world.slack.posts(self.channel) if post.author.bot)

    async def told(self) -> None:
        """Until the asker was refused; nothing of an answer is left by then."""
        slack = self.world.slack
        told = slack.ephemerals
        await slack.until(
            lambda: any(word in e.body for e in told(self.channel, self.world.alice) for word in (SUSPENDED, WIDENED))
        )
        self.refused = True
        assert self.shown() == "", self.order

    async def live(self) -> None:
        await self.app.mappings.map(self.place, house.REPOSITORY, actor="U0")
        await self.app.preferences.record_audience(self.place, Audience.PRIVATE)
        for step in self.order:
            await getattr(self, step)()
            if self.closed:
                assert "The end." not in self.shown() or self.ended_before, (self.order, step)

    async def _close(self) -> None:
        self.closed = True
        if self.question is not None and not self.refused and not self.ended_before:
            await self.told()

    async def share(self) -> None:
        await self.world.slack.shares(self.channel, self.world.slack.team("rival"))
        await self._close()

    async def move(self) -> None:
        await self.world.slack.changes_id(self.channel, f"{self.channel.id}N")
        await self._close()

    async def unshare(self) -> None:
        self.channel.shared_with.clear()
        told = {"type": "channel_unshared", "channel": self.channel.id, "is_ext_shared": False}
        await self.world.slack.deliver(told, self.world.askrepo, self.channel)

    async def ask(self) -> None:
        self.question = await ask(self.world, self.world.alice, self.channel, f"question {self.name}?")
        if self.closed:
            await self.told()
        else:
            await self.world.slack.until(lambda: "The beginning." in self.shown())

    async def flush(self) -> None:
        self.go_on.set()
        assert self.question is not None
        if not self.refused:
            await answered(self.world, self.question)
            self.ended_before = True

    async def confirm(self) -> None:
        await self.app.mappings.map(self.place, house.REPOSITORY, actor=self.world.alice.id)
        self.closed = False


# several workspaces


async def test_equal_ids_in_two_workspaces_never_mix(slack: FakeSlack, chat: FakeChat, tmp_path: Path) -> None:
    """Both have a channel, a person and messages of the same ids; each asks about its own repository with its token."""
    worlds = []
    for name in ("acme", "umbrella"):
        team = slack.team(name)
        installation = slack.install(team)
        user = slack.user(team, "alice", user_id="U0SAME")
        channel = slack.channel(team, "general", user, channel_id="C0SAME")
        worlds.append((team, installation, user, channel))
    async with house.askrepo(slack, by_oauth(slack, chat, tmp_path)) as parts:
        for team, installation, _, channel in worlds:
            place = ChannelRef("slack", team.id, channel.id)
            await keep(parts, slack, installation)
            await parts.mappings.map(place, f"github.com/{team.name}/code", actor="U0")
            secret = Secret(f"token-of-{team.name}-1234")
            await parts.tokens.save_for_mapping(place, f"github.com/{team.name}/code", secret, label="own", actor="U0")
        for number in range(8):
            at = f"{1_800_000_000 + number}.000100"
            await asyncio.gather(*(say(slack, each, at, f"question {number}?") for each in worlds))
        await slack.until(lambda: [done(channel) for _, _, _, channel in worlds] == [8, 8])
    told = [(each.repository, each.token) for each in chat.requests]
    assert sorted(set(told)) == sorted((f"github.com/{t[0].name}/code", f"token-of-{t[0].name}-1234") for t in worlds)
    assert len(told) == 16
    for team, _, _, channel in worlds:
        for post in channel.messages.values():
            assert post.author.team is team
            assert team.name in post.body or post.author.name == "alice"


def by_oauth(slack: FakeSlack, chat: FakeChat, folder: Path) -> Settings:
    """An askrepo that serves every workspace it is installed in."""
    return house.settings(
        slack,
        slack.installations[0],
        chat,
        f"sqlite:///{folder}/askrepo.db",
        SLACK_BOT_TOKEN="",
        SLACK_CLIENT_ID=slack.app.client_id,
        SLACK_CLIENT_SECRET=slack.app.client_secret,
        SLACK_SIGNING_SECRET=slack.app.signing_secret,
        ASKREPO_PUBLIC_URL="https://askrepo.example.com",
    )


async def keep(parts: App, slack: FakeSlack, installation: Installation) -> None:
    """Install the app, as OAuth would have."""
    kept = installed(slack, installation)
    await parts.installations.save(kept.workspace, kept.payload(), installed_at=datetime.now(UTC))


def installed(slack: FakeSlack, installation: Installation) -> SlackInstallation:
    assert installation.team is not None
    return SlackInstallation(
        bot_token=Secret(installation.token),
        bot_user_id=installation.bot.id,
        bot_id=installation.bot_id,
        app_id=slack.app.id,
        team_id=installation.team.id,
        enterprise_id=None,
        scopes=tuple(installation.scopes),
    )


def done(channel: Channel) -> int:
    return sum(any(each["action_id"] == "retry" for each in post.buttons) for post in channel.messages.values())


async def say(slack: FakeSlack, where: tuple[Team, Installation, User, Channel], ts: str, text: str) -> None:
    _, installation, user, channel = where
    message = Message(ts, channel, user, f"{installation.bot} {text}")
    channel.add(message)
    await slack.deliver(slack._message_event(message), installation, channel)
