"""Mappings, tokens and settings by commands, buttons and forms, over real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from bots.pages.token import token_routes
from core.bootstrap import App
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from tests.channels.places import confirmed
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, knows, refuses, says
from tests.fakes.slack_faults import Drop
from tests.fakes.slack_values import Channel, Message, User, View
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.conftest import Start
from tests.slack.house import World
from tests.turns import ended

TOKEN = "channel-token-9876"
OTHER = "github.com/acme/other"


class People:
    """What one person does and sees, one after another."""

    def __init__(self, world: World) -> None:
        self.slack = world.slack
        self.world = world

    async def command(self, user: User, text: str, channel: Channel | None = None) -> Message:
        """Type a command: the reply to it."""
        where = channel or self.world.general
        before = len(self.slack.ephemerals(where, user))
        delivery = await self.slack.command(user, where, text)
        assert delivery.acknowledged
        await self.slack.until(lambda: len(self.slack.ephemerals(where, user)) > before)
        return self.slack.ephemerals(where, user)[before]

    async def next(self, user: User, before: int, channel: Channel | None = None) -> Message:
        """The private message after the first `before`."""
        where = channel or self.world.general
        await self.slack.until(lambda: len(self.slack.ephemerals(where, user)) > before)
        return self.slack.ephemerals(where, user)[before]

    async def form(self, user: User, title: str) -> View:
        """The form that is open, once it is more than a sign of life."""

        def ready() -> View | None:
            view = self.slack.modal(user)
            if view is None or view.content["title"]["text"] != title or "One moment" in view.shown:
                return None
            return view

        await self.slack.until(ready)
        view = ready()
        assert view is not None
        return view


@pytest.fixture
def people(world: World) -> People:
    return People(world)


@pytest.fixture
async def unmapped(world: World, people: People, app: App) -> Channel:
    """A channel without a mapping."""
    return world.slack.channel(world.team, "random", world.alice, world.bob)


def ref(world: World, channel: Channel) -> ChannelRef:
    return ChannelRef("slack", world.team.id, channel.id)


# by command


async def test_map_by_command(world: World, people: People, app: App, chat: FakeChat, unmapped: Channel) -> None:
    said = await people.command(world.alice, "map acme/other as web", unmapped)
    assert "Questions in this channel are about `github.com/acme/other` now." in said.shown
    (mapping,) = await app.mappings.list(ref(world, unmapped))
    assert (mapping.repository, mapping.alias, mapping.set_by) == (OTHER, "web", world.alice.id)
    asked = await chat.arrival()
    assert (asked.repository, asked.token) == (OTHER, "process-token-1234")


async def test_a_member_may_not_map_and_is_told_which_right_is_missing(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    said = await people.command(world.bob, "map acme/other", unmapped)
    assert "workspace admin or owner" in said.shown
    assert await app.mappings.list(ref(world, unmapped)) == ()


async def test_denied_commands_change_nothing(world: World, people: People, app: App) -> None:
    before = await app.mappings.facts(world.place)
    for text in ("unmap", "default acme/other", "token remove", "token remove workspace"):
        assert "workspace admin or owner" in (await people.command(world.bob, text)).shown
    assert await app.mappings.facts(world.place) == before


@pytest.mark.parametrize(("lost", "seen"), [("before", 1), ("after", 2)])
async def test_a_reply_to_a_command_that_is_lost_is_given_again(
    world: World, people: People, app: App, lost: Drop, seen: int
) -> None:
    """It was carried out, and nothing else tells so; that somebody may read the same twice is no harm."""
    world.slack.fail("response_url", drop=lost)
    await world.slack.command(world.alice, world.general, "map acme/other")
    await people.next(world.alice, seen - 1)
    told = {each.shown for each in world.slack.ephemerals(world.general, world.alice)}
    assert len(told) == 1
    assert OTHER in told.pop()


async def test_who_set_something_is_shown_as_a_person(world: World, people: People, app: App) -> None:
    for command in ("list", "why"):
        said = await people.command(world.bob, command)
        assert f"set by <@{world.alice.id}> on 20" in said.shown
        assert f"`{world.alice.id}`" not in said.shown
    for number in range(40):
        await app.mappings.map(world.place, f"github.com/acme/{'long' * 20}{number}", actor=world.alice.id)
    assert f"{'long' * 20}39`" in (await people.command(world.bob, "list")).shown  # more than a section takes


async def test_list_why_status_and_help(world: World, people: People, app: App, chat: FakeChat) -> None:
    assert "github.com/calcom/cal.com" in (await people.command(world.bob, "list")).shown
    assert "this channel's mapping" in (await people.command(world.bob, "why")).shown
    status = (await people.command(world.bob, "status")).shown
    assert "Service: it answers, knows `github.com/calcom/cal.com` and takes the token." in status
    assert "/askrepo map owner/name" in (await people.command(world.bob, "help")).shown


async def test_a_guest_learns_nothing_until_guests_may_ask(world: World, people: People, app: App) -> None:
    guest = world.slack.user(world.team, "gus", guest="restricted")
    world.general.members.append(guest)
    assert "Guests may not ask" in (await people.command(guest, "list")).shown
    await app.preferences.set(
        world.place, follow_ups=FollowUps.SMART, guests=True, outsiders=False, model=None, instructions=None, actor="U"
    )
    assert "github.com/calcom/cal.com" in (await people.command(guest, "list")).shown
    assert "right you do not have" in (await people.command(guest, "map acme/other")).shown


async def test_with_the_policy_members_a_full_member_maps_and_a_guest_does_not(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    given = house.settings(
        world.slack,
        world.askrepo,
        chat,
        f"sqlite:///{tmp_path}/members.db",
        SLACK_SIGNING_SECRET=world.slack.app.signing_secret,
        ASKREPO_MAP_POLICY="members",
    )
    guest = world.slack.user(world.team, "gus", guest="ultra_restricted")
    world.general.members.append(guest)
    async with house.askrepo(world.slack, given) as app:
        await app.preferences.set(
            world.place,
            follow_ups=FollowUps.SMART,
            guests=True,
            outsiders=False,
            model=None,
            instructions=None,
            actor="U",
        )
        assert "full member" in (await people.command(guest, "map acme/other")).shown
        assert await app.mappings.list(world.place) == ()
        assert "now." in (await people.command(world.bob, "map acme/other")).shown
        assert "admin or owner" in (await people.command(world.bob, "default acme/other")).shown
        await chat.arrival()


async def test_a_suspended_mapping_is_confirmed_by_those_who_may(world: World, people: People, app: App) -> None:
    await app.mappings.suspend(world.place, actor="test")
    assert (await people.command(world.bob, "list")).buttons == []
    listed = await people.command(world.alice, "list")
    assert [each["action_id"] for each in listed.buttons] == ["confirm"]
    await world.slack.clicks(world.alice, listed, "confirm")
    await world.slack.until(lambda: "Confirmed." in listed.shown)
    assert not (await app.mappings.list(world.place))[0].suspended


async def test_an_old_confirmation_does_not_confirm_a_later_suspension(world: World, people: People, app: App) -> None:
    await app.mappings.suspend(world.place, actor="test")
    listed = await people.command(world.alice, "list")
    await confirmed(app.mappings, world.place, actor="test")
    await app.mappings.suspend(world.place, actor="test")
    await world.slack.clicks(world.alice, listed, "confirm")
    await world.slack.until(lambda: "changed meanwhile" in listed.shown)
    assert (await app.mappings.list(world.place))[0].suspended


# by button: the question that waited runs by itself


async def asked_in_vain(world: World, people: People, channel: Channel, user: User) -> tuple[Message, Message]:
    """A question in an unmapped channel, and the private notice under it."""
    question = await world.slack.says(user, channel, f"{world.askrepo.bot} where is login?")
    return question, await people.next(user, 0, channel)


async def test_map_by_button_and_the_question_runs_by_itself(
    world: World, people: People, app: App, chat: FakeChat, unmapped: Channel
) -> None:
    question, notice = await asked_in_vain(world, people, unmapped, world.alice)
    assert [each["action_id"] for each in notice.buttons] == ["map"]
    chat.will(says("pong"), says("In the cellar."))
    await world.slack.clicks(world.alice, notice, "map")
    form = await people.form(world.alice, "Map a repository")
    refused = await world.slack.submits(world.alice, form, repository="nothing at all")
    assert list(refused.answer["errors"]) == ["repository"]
    assert "`" not in refused.answer["errors"]["repository"]
    refused = await world.slack.submits(world.alice, form, repository="acme/other", alias="No Alias!")
    assert list(refused.answer["errors"]) == ["alias"]
    assert not (await world.slack.submits(world.alice, form, repository="acme/other", alias="web")).answer
    (answer,) = await house.answered(world, question)
    assert answer.body.startswith("In the cellar.")
    assert "Questions in this channel are about `github.com/acme/other` now." in notice.shown
    assert notice.buttons == []


async def test_a_question_that_waited_for_a_mapping_does_not_wait_for_the_reply(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    root, notice = await asked_in_vain(world, people, unmapped, world.alice)
    await world.slack.clicks(world.alice, notice, "map")
    form = await people.form(world.alice, "Map a repository")
    world.slack.fail("response_url", hold=(go_on := asyncio.Event()))
    await world.slack.submits(world.alice, form, repository="acme/other")
    await house.answered(world, root)
    assert OTHER not in notice.shown
    go_on.set()
    await world.slack.until(lambda: OTHER in notice.shown)


async def test_who_may_not_map_gets_no_form(world: World, people: People, app: App, unmapped: Channel) -> None:
    _, notice = await asked_in_vain(world, people, unmapped, world.bob)
    await world.slack.clicks(world.bob, notice, "map")
    view = await people.form(world.bob, "Map a repository")
    assert "submit" not in view.content
    assert "workspace admin or owner" in view.shown


async def test_a_right_that_was_lost_before_the_form_was_sent_is_lost(
    world: World, people: People, start: Start
) -> None:
    """It is sent to a process that remembers nothing of this person."""
    unmapped = world.slack.channel(world.team, "random", world.alice, world.bob)
    async with start():
        _, notice = await asked_in_vain(world, people, unmapped, world.alice)
        await world.slack.clicks(world.alice, notice, "map")
        form = await people.form(world.alice, "Map a repository")
    world.alice.admin = False
    async with start() as app:
        refused = await world.slack.submits(world.alice, form, repository="acme/other")
        assert "workspace admin or owner" in refused.answer["errors"]["repository"]
        assert await app.mappings.list(ref(world, unmapped)) == ()


@pytest.mark.parametrize(
    ("command", "title", "given"),
    [
        ("settings", "Settings of this channel", {"model": "fast-one"}),
        ("token set", "Enter a token", {"token": TOKEN, "label": "ours"}),
        ("", "Map a repository", {"repository": "acme/other"}),
    ],
)
async def test_a_form_whose_sender_slack_does_not_name_in_time_can_be_sent_again(
    world: World, people: People, start: Start, command: str, title: str, given: dict[str, str]
) -> None:
    """Slack shows an error after three seconds: nothing may be done behind that."""
    slack, alice, channel = world.slack, world.alice, world.slack.channel(world.team, "random", world.alice)
    async with start() as parts:
        if command:
            await parts.mappings.map(ref(world, channel), house.REPOSITORY, actor=alice.id)
            await slack.command(alice, channel, command)
        else:
            await slack.clicks(alice, (await asked_in_vain(world, people, channel, alice))[1], "map")
        form = await people.form(alice, title)
    async with start() as parts:  # which remembers nothing of this person
        slack.fail("users.info", hold=(go_on := asyncio.Event()))
        refused = await slack.submits(alice, form, **given)
        go_on.set()
        assert "cannot be reached just now" in next(iter(refused.answer["errors"].values()))
        assert await done(parts, ref(world, channel)) == 0
        assert not (await slack.submits(alice, form, **given)).answer
        assert await done(parts, ref(world, channel)) == 1


async def test_a_map_form_is_acknowledged_in_time_where_slack_is_slow_to_tell_anything(
    world: World, people: People, start: Start
) -> None:
    """Who somebody is, and who reads along: asked one after the other, the two would take longer than Slack waits."""
    slack, alice, channel = world.slack, world.alice, world.slack.channel(world.team, "random", world.alice)
    async with start():
        await slack.clicks(alice, (await asked_in_vain(world, people, channel, alice))[1], "map")
        form = await people.form(alice, "Map a repository")
    async with start() as parts:  # which remembers nothing of this person
        slack.fail("users.info", hold=(who := asyncio.Event()))
        slack.fail("conversations.info", times=-1, hold=(for_ever := asyncio.Event()))
        asyncio.get_running_loop().call_later(1.9, who.set)
        sent = await slack.submits(alice, form, repository="acme/other")
        assert (sent.acknowledged, sent.answer or {}) == (True, {})
        assert sent.seconds < 2.8
        assert await done(parts, ref(world, channel)) == 1
        for_ever.set()


async def done(parts: App, channel: ChannelRef) -> int:
    """How many of the forms above were carried out."""
    tokens, model = await parts.tokens.list(channel.workspace), (await parts.preferences.of(channel)).model
    others = [each for each in await parts.mappings.list(channel) if each.repository == OTHER]
    return len(tokens) + (model is not None) + len(others)


async def test_a_form_is_sent_once(world: World, people: People, app: App, chat: FakeChat, unmapped: Channel) -> None:
    _, notice = await asked_in_vain(world, people, unmapped, world.alice)
    await world.slack.clicks(world.alice, notice, "map")
    form = await people.form(world.alice, "Map a repository")
    await world.slack.submits(world.alice, form, repository="acme/other")
    world.slack.views[form.id] = form
    refused = await world.slack.submits(world.alice, form, repository="acme/third")
    assert "has expired" in refused.answer["errors"]["repository"]
    assert [each.repository for each in await app.mappings.list(ref(world, unmapped))] == [OTHER]


# settings


async def test_a_form_that_slack_does_not_fill_in_at_once_is_filled_in_later(
    world: World, people: People, app: App
) -> None:
    world.slack.fail("views.update", status=500, error="internal_error")
    await world.slack.command(world.alice, world.general, "settings")
    await people.form(world.alice, "Settings of this channel")
    assert world.slack.ephemerals(world.general, world.alice) == []


async def test_of_a_form_that_slack_never_fills_in_they_are_told(world: World, people: People, app: App) -> None:
    world.slack.fail("views.update", error="restricted_action", times=-1)  # what may pass is tried for half a minute
    said = await people.command(world.alice, "settings")
    assert said.shown == "Slack did not open the form in time. Please try again."


async def test_settings_by_form(world: World, people: People, app: App) -> None:
    slack = world.slack
    await slack.command(world.alice, world.general, "settings")
    form = await people.form(world.alice, "Settings of this channel")
    await slack.submits(
        world.alice,
        form,
        follow_ups="mention",
        guests=["allowed"],
        model="fast-one",
        instructions="Be brief.",
        default="acme/other",
    )
    said = await people.next(world.alice, 0)
    assert "Saved." in said.shown
    now = await app.preferences.of(world.place)
    assert (now.follow_ups, now.guests, now.outsiders) == (FollowUps.MENTION, True, False)
    assert (now.model, now.instructions) == ("fast-one", "Be brief.")
    facts = await app.mappings.facts(world.place)
    assert facts.workspace_default is not None
    assert facts.workspace_default.repository == OTHER
    await slack.command(world.alice, world.general, "settings")
    again = await people.form(world.alice, "Settings of this channel")
    assert again.id != form.id
    shown = {each["block_id"]: each["element"] for each in again.content["blocks"]}
    assert shown["follow_ups"]["initial_option"]["value"] == "mention"
    assert "initial_options" in shown["guests"]
    assert "initial_options" not in shown["outsiders"]
    assert shown["instructions"]["initial_value"] == "Be brief."


async def test_a_wrong_default_changes_nothing_at_all(world: World, people: People, app: App) -> None:
    before = await app.preferences.of(world.place)
    await world.slack.command(world.alice, world.general, "settings")
    form = await people.form(world.alice, "Settings of this channel")
    refused = await world.slack.submits(world.alice, form, guests=["allowed"], default="no repository")
    assert list(refused.answer["errors"]) == ["default"]
    assert await app.preferences.of(world.place) == before


async def test_a_member_reads_the_settings_and_cannot_change_them(world: World, people: People, app: App) -> None:
    await world.slack.command(world.bob, world.general, "settings")
    view = await people.form(world.bob, "Settings of this channel")
    assert "submit" not in view.content
    assert "• Guests: may not ask" in view.shown
    assert "workspace admin or owner" in view.shown


async def test_a_trigger_that_came_too_late_is_told(world: World, people: People, app: App) -> None:
    world.slack.fail("views.open", error="expired_trigger_id")
    said = await people.command(world.alice, "settings")
    assert "did not open the form in time" in said.shown


# tokens


async def test_a_token_by_form_is_tried_before_it_is_saved(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    slack = world.slack
    await slack.command(world.alice, world.general, "token set")
    form = await people.form(world.alice, "Enter a token")
    assert "Slack does not hide what you type here" in form.shown
    chat._token = TOKEN
    refused = await slack.submits(world.alice, form, token="not-this-one-1234")
    assert "refused" in refused.answer["errors"]["token"]
    refused = await slack.submits(world.alice, form, token="two words")
    assert list(refused.answer["errors"]) == ["token"]
    refused = await slack.submits(world.alice, form, token=TOKEN, label=f"my {TOKEN}")
    assert list(refused.answer["errors"]) == ["label"]
    assert (await app.mappings.list(world.place))[0].token_id is None
    assert not (await slack.submits(world.alice, form, token=TOKEN, label="ours")).answer
    said = await people.next(world.alice, 0)
    assert "works for `github.com/calcom/cal.com`" in said.shown
    (mapping,) = await app.mappings.list(world.place)
    chosen = await app.tokens.choose(world.place.workspace, mapping.token_id)
    assert chosen.secret is not None
    assert chosen.secret.reveal() == TOKEN
    shown = (await people.command(world.bob, "token")).shown
    assert "ours" in shown
    assert TOKEN not in shown
    assert TOKEN not in str([call.arguments for call in slack.calls])


async def test_a_token_is_tried_with_the_model_of_its_channel(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    await app.preferences.set(
        world.place,
        follow_ups=FollowUps.SMART,
        guests=False,
        outsiders=False,
        model="llama-3",
        instructions=None,
        actor="U",
    )
    chat.will(knows("llama-3"))
    await world.slack.command(world.alice, world.general, "token set")
    form = await people.form(world.alice, "Enter a token")
    assert not (await world.slack.submits(world.alice, form, token=TOKEN)).answer
    assert "is in use from now on" in (await people.next(world.alice, 0)).shown
    assert (await app.mappings.list(world.place))[0].token_id is not None


async def test_a_pasted_token_is_not_taken(world: World, people: People, app: App) -> None:
    said = await people.command(world.alice, f"token set {TOKEN}")
    assert "I did not use or store it" in said.shown
    assert TOKEN not in said.shown
    await people.form(world.alice, "Enter a token")


async def test_the_workspaces_token_is_for_admins(world: World, people: People, app: App) -> None:
    await world.slack.command(world.bob, world.general, "token set workspace")
    view = await people.form(world.bob, "Enter a token")
    assert "workspace admin or owner" in view.shown
    await world.slack.command(world.alice, world.general, "token set workspace")
    form = await people.form(world.alice, "Enter a token")
    await world.slack.submits(world.alice, form, token=TOKEN)
    await people.next(world.alice, 0)
    assert await app.tokens.of_workspace(world.place.workspace) is not None


@pytest.fixture
async def tokenless(world: World, tmp_path: Path) -> AsyncIterator[tuple[App, FakeChat]]:
    """Askrepo with a page for tokens, and a service that takes no question without one."""
    async with FakeChat(token=TOKEN, anonymous=True) as chat:
        given = house.settings(
            world.slack,
            world.askrepo,
            chat,
            f"sqlite:///{tmp_path}/tokenless.db",
            SLACK_SIGNING_SECRET=world.slack.app.signing_secret,
            ASKREPO_CHAT_TOKEN="",
            ASKREPO_PUBLIC_URL="https://askrepo.example.com",
        )
        async with house.askrepo(world.slack, given) as app:
            yield app, chat


async def test_mapping_without_a_token_offers_to_enter_one_by_link(
    world: World, people: People, tokenless: tuple[App, FakeChat]
) -> None:
    app, _ = tokenless
    assert "now." in (await people.command(world.alice, "map acme/other")).shown
    offer = await people.next(world.alice, 1)
    assert "no token for `github.com/acme/other`" in offer.shown
    await world.slack.clicks(world.alice, offer, "enter_token")
    linked = await people.next(world.alice, 2)
    (button,) = linked.buttons
    link = re.fullmatch(r"https://askrepo\.example\.com/token/(?P<ticket>[A-Za-z0-9_-]{43})", button["url"])
    assert link is not None
    pages = ASGITransport(Starlette(routes=token_routes(app.tickets, app.tokens, app.trials)))
    async with AsyncClient(transport=pages, base_url="https://askrepo.example.com") as browser:
        page = await browser.post(f"/token/{link['ticket']}", data={"token": TOKEN, "label": ""})
    assert page.status_code == 200, page.text
    (mapping,) = await app.mappings.list(world.place)
    assert mapping.token_id is not None


async def test_no_token_is_entered_on_a_page_that_is_reached_in_clear(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    given = house.settings(
        world.slack,
        world.askrepo,
        chat,
        f"sqlite:///{tmp_path}/clear.db",
        SLACK_SIGNING_SECRET=world.slack.app.signing_secret,
        ASKREPO_PUBLIC_URL="http://askrepo.example.com",
    )
    async with house.askrepo(world.slack, given) as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await world.slack.command(world.alice, world.general, "token set")
        await people.form(world.alice, "Enter a token")


async def test_a_service_that_is_busy_when_it_is_tried_out_may_need_no_token(
    world: World, people: People, tokenless: tuple[App, FakeChat]
) -> None:
    _, chat = tokenless
    chat._token = None  # it takes questions without one
    chat.will(refuses(409), says("In the cellar."))
    question, notice = await asked_in_vain(world, people, world.general, world.alice)
    await world.slack.clicks(world.alice, notice, "map")
    form = await people.form(world.alice, "Map a repository")
    await world.slack.submits(world.alice, form, repository="acme/other")
    (answer,) = await house.answered(world, question)
    assert answer.body.startswith("In the cellar.")
    said = await people.next(world.alice, 1)
    assert "I tried it out. `github.com/acme/other` is still being indexed." in said.shown
    chat.will(refuses(409))
    status = (await people.command(world.alice, "status")).shown
    assert "Service: `github.com/acme/other` is still being indexed." in status


async def test_a_link_is_not_made_for_those_who_may_not(
    world: World, people: People, tokenless: tuple[App, FakeChat]
) -> None:
    app, _ = tokenless
    await app.mappings.map(world.place, OTHER, actor="U")
    said = await people.command(world.bob, "token set")
    assert "workspace admin or owner" in said.shown
    assert said.buttons == []


# under an answer


async def test_retry_and_feedback(world: World, people: People, app: App, chat: FakeChat) -> None:
    chat.will(says("first"), says("second"))
    root = await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} why?")
    (answer,) = await house.answered(world, root)
    await world.slack.clicks(world.alice, answer, "feedback", "negative")
    thanks = await people.next(world.alice, 0)
    assert "Thank you" in thanks.shown
    assert thanks.thread_ts == root.ts
    await world.slack.clicks(world.alice, answer, "feedback", "positive")
    await world.slack.clicks(world.bob, answer, "feedback", "negative")
    await people.next(world.bob, 0)
    assert await app.feedback.counts(world.place.workspace) == (1, 1)
    assert len(world.slack.ephemerals(world.general, world.alice)) == 1
    await world.slack.clicks(world.alice, answer, "retry")
    await world.slack.until(lambda: any("second" in each.body for each in world.slack.thread(world.general, root.ts)))
    assert not any("first" in each.body for each in world.slack.thread(world.general, root.ts)[1:])


async def test_a_press_is_acknowledged_when_what_it_is_for_is_stored(world: World, app: App, chat: FakeChat) -> None:
    """Slack sends it once, and a process that ends a moment later has not lost it."""
    root = await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} why?")
    (answer,) = await house.answered(world, root)
    await ended(app)
    chat.will(holding("Half ", "of it.", go_on := asyncio.Event()))
    await world.slack.clicks(world.alice, answer, "retry")
    assert await app.threads.unfinished(world.place)
    go_on.set()
    await ended(app)


async def test_a_guest_who_may_not_ask_may_not_retry(world: World, people: People, app: App, chat: FakeChat) -> None:
    guest = world.slack.user(world.team, "gus", guest="restricted")
    world.general.members.append(guest)
    root = await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} why?")
    (answer,) = await house.answered(world, root)
    await world.slack.clicks(guest, answer, "retry")
    assert "Guests may not ask" in (await people.next(guest, 0)).shown
    assert len(chat.requests) == 1


async def test_a_button_of_another_channel_does_nothing(
    world: World, people: People, app: App, chat: FakeChat, unmapped: Channel
) -> None:
    root = await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} why?")
    (answer,) = await house.answered(world, root)
    elsewhere = Message(world.slack.now_ts(), unmapped, world.askrepo.bot, blocks=answer.blocks)
    unmapped.add(elsewhere)
    await world.slack.clicks(world.alice, elsewhere, "retry")
    assert "not here any more" in (await people.next(world.alice, 0, unmapped)).shown
    await world.slack.clicks(world.alice, elsewhere, "feedback", "positive")
    assert len(chat.requests) == 1
    assert await app.feedback.counts(world.place.workspace) == (0, 0)


async def test_anybody_in_the_channel_may_stop_an_answer(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    world.slack.native_streaming = False  # else Slack shows a button of its own
    chat.will(says("one ", "two ", "three ", *["more "] * 500, delay=0.05))
    root = await world.slack.says(world.bob, world.general, f"{world.askrepo.bot} why?")

    def stoppable() -> list[Message]:
        thread = world.slack.thread(world.general, root.ts)
        return [post for post in thread if any(each["action_id"] == "stop" for each in post.buttons)]

    await world.slack.until(stoppable)
    await world.slack.clicks(world.alice, stoppable()[0], "stop")
    (answer,) = await house.answered(world, root)
    assert "stopped" in answer.shown


# the shortcut


async def test_the_shortcut_asks_in_the_messages_thread(world: World, people: People, app: App, chat: FakeChat) -> None:
    slack = world.slack
    slack.allows_pings_of(world.bob)
    message = await slack.says(world.alice, world.general, "Login fails with 4711")
    await slack.shortcut(world.bob, message, "ask_about_message")
    form = await people.form(world.bob, "Ask about this message")
    assert form.content["blocks"][0]["element"]["initial_value"] == "Explain this message"
    assert not (await slack.submits(world.bob, form, question="why that?")).answer
    asked = await chat.arrival()
    assert "why that?" in asked.questions[0]
    assert "Login fails with 4711" in asked.questions[0]
    await house.answered(world, message)
    slack.views[form.id] = form
    again = await slack.submits(world.bob, form, question="why that?")
    assert "has expired" in again.answer["errors"]["question"]
    assert len(chat.requests) == 1


# the Home tab


async def test_home_shows_what_a_person_may_know(world: World, people: People, app: App, chat: FakeChat) -> None:
    slack = world.slack
    secret = slack.channel(world.team, "secret", world.alice, world.bob, kind="private")
    await app.mappings.map(ref(world, secret), "acme/hidden", actor=world.alice.id)
    await app.mappings.set_default(world.place.workspace, "acme/usual", actor=world.alice.id)
    await house.answered(world, await slack.says(world.bob, world.general, f"{world.askrepo.bot} where is <that>?"))
    await house.answered(world, await slack.says(world.bob, secret, f"{world.askrepo.bot} and this?"))
    while await app.threads.unfinished(ref(world, secret)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # nothing tells that the outcome is recorded
    await app.mappings.map(ref(world, secret), "acme/newer", actor=world.alice.id)
    await slack.opens_home(world.bob)
    await slack.until(lambda: slack.home(world.bob))
    home = slack.home(world.bob)
    assert home is not None
    assert f"<#{world.general.id}>: `github.com/calcom/cal.com`" in home.shown
    assert f"<#{secret.id}>: your last question was about `github.com/acme/hidden`" in home.shown
    assert "acme/newer" not in home.shown
    assert "where is &lt;that&gt;?" in home.shown
    assert "`github.com/acme/usual`" in home.shown
    await slack.opens_home(world.alice)
    await slack.until(lambda: slack.home(world.alice))
    home = slack.home(world.alice)
    assert home is not None
    assert "acme/hidden" not in home.shown
    assert "that" not in home.shown.partition("Your questions")[2]


async def test_a_guests_home_shows_no_mapping(world: World, people: People, app: App) -> None:
    guest = world.slack.user(world.team, "gus", guest="restricted")
    await app.mappings.set_default(world.place.workspace, "acme/usual", actor=world.alice.id)
    await world.slack.opens_home(guest)
    await world.slack.until(lambda: world.slack.home(guest))
    home = world.slack.home(guest)
    assert home is not None
    assert "github.com" not in home.shown


async def test_the_default_repository_is_set_from_home(world: World, people: People, app: App) -> None:
    slack = world.slack
    await slack.opens_home(world.alice)
    await slack.until(lambda: slack.home(world.alice))
    home = slack.home(world.alice)
    assert home is not None
    await slack.clicks(world.alice, home, "set_default")
    form = await people.form(world.alice, "Default repository")
    refused = await slack.submits(world.alice, form, default="??")
    assert list(refused.answer["errors"]) == ["default"]
    await slack.submits(world.alice, form, default="acme/usual")

    def shown() -> bool:
        now = slack.home(world.alice)
        return now is not None and "acme/usual" in now.shown

    await slack.until(shown)


async def test_a_slow_service_is_waited_for_after_the_form_is_closed(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    for reply, words in ((refuses(401), "not saved"), (says("pong"), "is in use from now on")):
        goes_on = asyncio.Event()

        async def held(exchange: Exchange, reply: Reply = reply, goes_on: asyncio.Event = goes_on) -> None:
            await goes_on.wait()
            await reply(exchange)

        await world.slack.command(world.alice, world.general, "token set")
        form = await people.form(world.alice, "Enter a token")
        chat.will(held)
        before = len(world.slack.ephemerals(world.general, world.alice))
        assert not (await world.slack.submits(world.alice, form, token=TOKEN)).answer
        (mapping,) = await app.mappings.list(world.place)
        assert mapping.token_id is None
        goes_on.set()
        assert words in (await people.next(world.alice, before)).shown
    (mapping,) = await app.mappings.list(world.place)
    assert mapping.token_id is not None


async def test_a_token_form_that_was_sent_already_saves_nothing(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    await world.slack.command(world.alice, world.general, "token set")
    form = await people.form(world.alice, "Enter a token")
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await gate.wait()
        await says("pong")(exchange)

    chat.will(held, held)
    for token in (TOKEN, "another-token-1234"):
        world.slack.views[form.id] = form
        await world.slack.submits(world.alice, form, token=token)
    gate.set()
    await people.next(world.alice, 1)
    told = sorted(each.shown for each in world.slack.ephemerals(world.general, world.alice))
    assert "not saved. This form has expired" in told[0]
    assert "is in use from now on" in told[1]
    assert len(await app.tokens.list(world.place.workspace)) == 1


async def test_a_token_form_whose_token_was_not_saved_can_be_sent_again(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    await world.slack.command(world.alice, world.general, "token set")
    form = await people.form(world.alice, "Enter a token")
    await app.mappings.unmap(world.place, actor="U")
    refused = await world.slack.submits(world.alice, form, token=TOKEN)
    assert "not mapped here" in refused.answer["errors"]["token"]
    await app.mappings.map(world.place, house.REPOSITORY, actor="U")
    assert not (await world.slack.submits(world.alice, form, token=TOKEN)).answer
    assert "is in use from now on" in (await people.next(world.alice, 0)).shown


async def test_a_refusal_below_a_question_that_we_showed_is_seen(world: World, people: People, app: App) -> None:
    slack = world.slack
    slack.allows_pings_of(world.bob)
    await slack.command(world.bob, world.general, "where is login?")
    await slack.until(lambda: slack.posts(world.general))
    echo = slack.posts(world.general)[0]
    (answer,) = await house.answered(world, echo)
    while await app.threads.unfinished(world.place):  # noqa: ASYNC110  nothing tells that the outcome is recorded
        await asyncio.sleep(0.01)
    await app.mappings.unmap(world.place, actor="U")
    slack.advance(1_900)  # nothing can be said in reply to the command any more
    before = len(slack.ephemerals(world.general, world.bob))
    await slack.clicks(world.bob, answer, "retry")
    assert "mapped" in (await people.next(world.bob, before)).shown
