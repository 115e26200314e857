"""Mappings, tokens and settings by commands, buttons and forms, over the gateway and real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from bots.pages.token import token_routes
from core.bootstrap import App
from core.channels.access import Audience
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from tests.channels.places import confirmed
from tests.discord import house
from tests.discord.conftest import Start
from tests.discord.house import World
from tests.discord.people import People, filled
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, knows, refuses, says
from tests.fakes.discord_values import Channel, Message, User

TOKEN = "channel-token-9876"
CONFIRM = "Confirm, everybody here may read along"
OTHER = "github.com/acme/other"


@pytest.fixture
def people(world: World) -> People:
    return People(world.discord, world.general)


@pytest.fixture
def unmapped(world: World, app: App) -> Channel:
    """A channel without a mapping."""
    return world.discord.channel(world.guild, "random")


def ref(world: World, channel: Channel) -> ChannelRef:
    return ChannelRef("discord", world.guild.id, channel.id)


# by command


async def test_map_by_command(world: World, people: People, app: App, chat: FakeChat, unmapped: Channel) -> None:
    options = {"repository": "acme/other", "alias": "web"}
    said = await people.command(world.alice, "askrepo-map", options, unmapped)
    assert "Questions in this channel are about `github.com/acme/other` now." in said.content
    (mapping,) = await app.mappings.list(ref(world, unmapped))
    assert (mapping.repository, mapping.alias, mapping.set_by) == (OTHER, "web", world.alice.id)
    asked = await chat.arrival()
    assert (asked.repository, asked.token) == (OTHER, "process-token-1234")


async def test_what_discord_hides_is_refused_in_code_as_well(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    world.discord.ignores_defaults = True
    said = await people.command(world.bob, "askrepo-map", {"repository": "acme/other"}, unmapped)
    assert "Manage Channels" in said.content
    assert await app.mappings.list(ref(world, unmapped)) == ()


async def test_denied_commands_change_nothing(world: World, people: People, app: App) -> None:
    world.discord.ignores_defaults = True
    before = await app.mappings.facts(world.place)
    for name, options, right in (
        ("askrepo-unmap", {}, "Manage Channels"),
        ("askrepo-default", {"repository": "acme/other"}, "Manage Server"),
        ("askrepo-default", {}, "Manage Server"),
        ("askrepo-map", {}, "Manage Channels"),
        ("askrepo-token", {"action": "set"}, "Manage Channels"),
        ("askrepo-token", {"action": "set", "whole-server": True}, "Manage Server"),
        ("askrepo-token", {"action": "remove"}, "Manage Channels"),
        ("askrepo-token", {"action": "remove", "whole-server": True}, "Manage Server"),
        ("askrepo", {"question": "unmap"}, "Manage Channels"),
    ):
        assert right in (await people.command(world.bob, name, options)).content
    assert await app.mappings.facts(world.place) == before


async def test_who_manages_a_channel_does_not_set_what_is_the_servers(world: World, people: People, app: App) -> None:
    world.discord.ignores_defaults = True
    carol = world.discord.user(world.guild, "carol", "MANAGE_CHANNELS")
    said = await people.command(carol, "askrepo-default", {"repository": "acme/other"})
    assert "Manage Server" in said.content
    assert "default" not in filled(await people.opened(carol, "askrepo-settings"))


async def test_list_why_status_and_help(world: World, people: People, app: App) -> None:
    assert "github.com/calcom/cal.com" in (await people.command(world.bob, "askrepo-list")).content
    assert "this channel's mapping" in (await people.command(world.bob, "askrepo-why")).content
    status = (await people.command(world.bob, "askrepo-status")).content
    assert "Service: it answers, knows `github.com/calcom/cal.com` and takes the token." in status
    said = (await people.command(world.bob, "askrepo-help")).content
    assert "`/askrepo-map`" in said
    assert "Follow-ups there need no mention." in said


async def test_help_is_about_what_may_be_read(world: World, people: People, start: Start) -> None:
    world.discord.message_content = False
    async with start():
        assert "Mention me in follow-ups too." in (await people.command(world.bob, "askrepo-help")).content


async def test_what_is_typed_as_a_question_may_be_a_command(world: World, people: People, app: App) -> None:
    assert "github.com/calcom/cal.com" in (await people.command(world.bob, "askrepo", {"question": "list"})).content


async def test_a_mistake_is_told(world: World, people: People, app: App, chat: FakeChat) -> None:
    said = await people.command(world.alice, "askrepo-map", {"repository": "no repository"})
    assert "names no repository" in said.content
    assert (
        "cannot be an alias"
        in (await people.command(world.alice, "askrepo-map", {"repository": "acme/x", "alias": "No Alias!"})).content
    )
    assert "names nothing here" in (await people.command(world.alice, "askrepo-unmap", {"repository": "web"})).content
    assert chat.requests == []


async def test_unmap_and_default(world: World, people: People, app: App, chat: FakeChat) -> None:
    said = await people.command(world.alice, "askrepo-unmap", {"repository": "calcom/cal.com"})
    assert "is not mapped here any more" in said.content
    assert "server" not in said.content
    said = await people.command(world.alice, "askrepo-default", {"repository": "acme/other"})
    assert "without a mapping, and in direct messages, are about `github.com/acme/other` now." in said.content
    said = await people.command(world.alice, "askrepo-default", {"repository": "none"})
    assert "This server has no default repository any more" in said.content


async def test_who_set_something_is_shown_as_a_person(world: World, people: People, app: App) -> None:
    for command in ("askrepo-list", "askrepo-why"):
        said = await people.command(world.bob, command)
        assert f"set by <@{world.alice.id}> on 20" in said.content
        assert f"`{world.alice.id}`" not in said.content


async def test_a_long_list_is_told_whole(world: World, people: People, app: App) -> None:
    names = [f"github.com/acme/{'long-' * 15}{number:02}" for number in range(30)]
    for name in names:
        await app.mappings.map(world.place, name, actor=world.alice.id)
    interaction = await people.uses(world.bob, "askrepo-list")
    await world.discord.until(lambda: len(interaction.messages()) > 1)
    await world.discord.until(
        lambda: all(name in "".join(each.content for each in interaction.messages()) for name in names)
    )


async def test_with_the_policy_members_every_member_maps(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/members.db"
    given = house.settings(world.discord, chat, url, ASKREPO_MAP_POLICY="members")
    async with house.askrepo(world.discord, given):
        said = await people.command(world.bob, "askrepo-map", {"repository": "acme/other"})
        assert "now." in said.content
        world.discord.ignores_defaults = True
        said = await people.command(world.bob, "askrepo-default", {"repository": "acme/other"})
        assert "Manage Server" in said.content
        await chat.arrival()


async def test_a_suspended_mapping_is_confirmed_by_those_who_may(world: World, people: People, app: App) -> None:
    await app.mappings.suspend(world.place, actor="test")
    assert (await people.command(world.bob, "askrepo-list")).buttons == {}
    listed = await people.command(world.alice, "askrepo-list")
    assert list(listed.buttons) == [CONFIRM]
    await world.discord.clicks(world.alice, listed, CONFIRM)
    await world.discord.until(lambda: "Confirmed." in listed.content)
    assert listed.buttons == {}
    assert not (await app.mappings.list(world.place))[0].suspended


async def test_an_old_confirmation_does_not_confirm_a_later_suspension(world: World, people: People, app: App) -> None:
    await app.mappings.suspend(world.place, actor="test")
    listed = await people.command(world.alice, "askrepo-list")
    await confirmed(app.mappings, world.place, actor="test")
    await app.mappings.suspend(world.place, actor="test")
    await world.discord.clicks(world.alice, listed, CONFIRM)
    await world.discord.until(lambda: "changed meanwhile" in listed.content)
    assert (await app.mappings.list(world.place))[0].suspended


# who reads along is recorded when somebody decides


async def maps_by_command(world: World, people: People, app: App, channel: Channel) -> None:
    said = await people.command(world.alice, "askrepo-map", {"repository": "calcom/cal.com"}, channel)
    assert "now." in said.content


async def maps_by_form(world: World, people: People, app: App, channel: Channel) -> None:
    form = await people.form(world.alice, await people.uses(world.alice, "askrepo-map", channel=channel))
    assert "now." in (await people.sent(world.alice, form, repository="calcom/cal.com")).content


async def confirms(world: World, people: People, app: App, channel: Channel) -> None:
    await app.mappings.map(ref(world, channel), house.REPOSITORY, actor=world.alice.id)
    await app.mappings.suspend(ref(world, channel), actor="test")
    listed = await people.command(world.alice, "askrepo-list", channel=channel)
    await world.discord.clicks(world.alice, listed, CONFIRM)
    await world.discord.until(lambda: "Confirmed." in listed.content)


def closed(world: World, channel: Channel) -> None:
    """Nobody but Alice and the bot sees it any more, and Discord tells nobody of that."""
    channel.overwrites = world.discord.channel(
        world.guild, "model", private=True, readers=[world.alice], tell=False
    ).overwrites


@pytest.mark.parametrize("decides", [maps_by_command, maps_by_form, confirms])
async def test_who_reads_along_is_recorded_when_somebody_decides(
    world: World, people: People, app: App, unmapped: Channel, decides: Callable[..., Awaitable[None]]
) -> None:
    """By Discord's word of now: what it said a moment ago to a question there does not count."""
    await asked_in_vain(world, unmapped, world.alice)
    closed(world, unmapped)
    await decides(world, people, app, unmapped)
    assert (await app.preferences.of(ref(world, unmapped))).audience is Audience.PRIVATE


async def test_more_readers_between_mapping_and_the_first_question_suspend(
    world: World, people: People, start: Start, chat: FakeChat
) -> None:
    """While askrepo is down, nobody tells it."""
    closed(world, world.general)
    async with start() as app:
        await maps_by_command(world, people, app, world.general)
        await chat.arrival()  # it is tried
    world.general.overwrites = []
    async with start() as app:
        (_, notice) = await asked_in_vain(world, world.general, world.alice)
        assert "More people can read this channel than when its repository was mapped" in notice.content
        assert [each.suspended for each in await app.mappings.list(world.place)] == [True]
    assert len(chat.requests) == 1


async def test_where_discord_does_not_say_at_once_who_reads_along_it_is_mapped_all_the_same(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    world.discord.fail("GET", "/channels/{channel_id}", hold=(go_on := asyncio.Event()), at=unmapped.id)
    async with asyncio.timeout(60):
        await maps_by_command(world, people, app, unmapped)
    assert (await app.preferences.of(ref(world, unmapped))).audience is None
    go_on.set()


# by button: the question that waited runs by itself


async def asked_in_vain(world: World, channel: Channel, user: User) -> tuple[Message, Message]:
    """A question in an unmapped channel, and the notice under it."""
    question = await world.discord.says(user, channel, f"{world.discord.bot} where is login?")
    await world.discord.until(lambda: world.discord.answers(channel))
    return question, world.discord.answers(channel)[0]


async def test_map_by_button_and_the_question_runs_by_itself(
    world: World, people: People, app: App, chat: FakeChat, unmapped: Channel
) -> None:
    question, notice = await asked_in_vain(world, unmapped, world.alice)
    chat.will(says("pong"), says("In the cellar."))
    await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
    said = await people.sent(world.alice, repository="nothing at all", alias="web")
    assert "names no repository" in said.content
    form = await people.again(world.alice, said)
    assert filled(form) == {"repository": "nothing at all", "alias": "web"}
    await people.mends(world.alice, said, "cannot be an alias", repository="acme/other", alias="No Alias!")
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "about `github.com/acme/other` now.", alias="web")
    assert said.buttons == {}
    (answer,) = await house.answered(world, question)
    assert answer.content.startswith("In the cellar.")
    assert [each.alias for each in await app.mappings.list(ref(world, unmapped))] == ["web"]


async def test_a_question_that_waited_for_a_mapping_does_not_wait_for_the_reply(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    question, notice = await asked_in_vain(world, unmapped, world.alice)
    await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
    route = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
    world.discord.fail("PATCH", route, hold=(go_on := asyncio.Event()))
    sending = asyncio.create_task(people.sent(world.alice, repository="acme/other"))
    await house.answered(world, question)
    assert not sending.done()
    go_on.set()
    assert "about `github.com/acme/other` now." in (await sending).content


async def test_who_may_not_map_gets_no_form(world: World, people: People, app: App, unmapped: Channel) -> None:
    _, notice = await asked_in_vain(world, unmapped, world.bob)
    said = await people.reply(await world.discord.clicks(world.bob, notice, "Map a repository"))
    assert "Manage Channels" in said.content
    assert world.bob.id not in world.discord.modals


async def test_a_right_that_was_lost_before_the_form_was_sent_is_lost(
    world: World, people: People, start: Start
) -> None:
    """It is sent to a process that remembers nothing of this person."""
    unmapped = world.discord.channel(world.guild, "random")
    async with start():
        _, notice = await asked_in_vain(world, unmapped, world.alice)
        await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
    world.guild.members[world.alice.id].roles.clear()
    async with start() as app:
        assert "Manage Channels" in (await people.sent(world.alice, repository="acme/other")).content
        assert await app.mappings.list(ref(world, unmapped)) == ()


async def test_a_form_is_sent_once(world: World, people: People, app: App, chat: FakeChat, unmapped: Channel) -> None:
    _, notice = await asked_in_vain(world, unmapped, world.alice)
    form = await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
    assert "now." in (await people.sent(world.alice, form, repository="acme/other")).content
    said = await people.sent(world.alice, form, repository="acme/third")
    assert "has expired" in said.content
    assert [each.repository for each in await app.mappings.list(ref(world, unmapped))] == [OTHER]


async def test_a_form_with_something_wrong_is_sent_again_only_by_its_button(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    form = await people.opened(world.alice, "askrepo-map")
    said = await people.sent(world.alice, form, repository="nothing at all")
    assert "has expired" in (await people.sent(world.alice, form, repository="acme/other")).content
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "now.", repository="acme/other")


async def test_a_form_of_one_channel_is_none_of_another(
    world: World, people: People, app: App, unmapped: Channel
) -> None:
    form = await people.opened(world.alice, "askrepo-map")
    form.interaction.channel = unmapped
    assert "has expired" in (await people.sent(world.alice, form, repository="acme/other")).content
    assert await app.mappings.list(ref(world, unmapped)) == ()


async def test_without_a_token_the_question_waits_until_there_is_one(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    given = house.settings(world.discord, chat, f"sqlite:///{tmp_path}/none.db", ASKREPO_CHAT_TOKEN="")
    chat._anonymous = True
    chat.will(refuses(401))
    async with house.askrepo(world.discord, given):
        question, notice = await asked_in_vain(world, world.general, world.alice)
        await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
        mapped = await world.discord.submits(world.alice, repository="acme/other")
        said = await people.reply(mapped, 1)
        assert "There is no token for `github.com/acme/other` yet" in said.content
        form = await people.form(world.alice, await world.discord.clicks(world.alice, said, "Enter a token"))
        assert "is in use from now on" in (await people.sent(world.alice, form, token=TOKEN)).content
        await world.discord.clicks(world.alice, said, "Ask again")
        await house.answered(world, question)


async def test_a_service_that_is_busy_when_it_is_tried_out_may_need_no_token(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    given = house.settings(world.discord, chat, f"sqlite:///{tmp_path}/none.db", ASKREPO_CHAT_TOKEN="")
    chat._anonymous = True
    chat.will(refuses(409), says("In the cellar."))
    async with house.askrepo(world.discord, given):
        question, notice = await asked_in_vain(world, world.general, world.alice)
        await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
        mapped = await world.discord.submits(world.alice, repository="acme/other")
        await house.answered(world, question)
        said = await people.reply(mapped, 1)
        assert "I tried it out. `github.com/acme/other` is still being indexed." in said.content


# settings


async def test_settings_by_form(world: World, people: People, app: App) -> None:
    await app.preferences.set(
        world.place, follow_ups=FollowUps.SMART, guests=True, outsiders=True, model=None, instructions=None, actor="U"
    )
    form = await people.opened(world.alice, "askrepo-settings")
    assert filled(form) == {"follow_ups": ["smart"], "model": "", "instructions": "", "default": ""}
    typed: dict[str, Any] = {
        "follow_ups": ["mention"],
        "model": "fast-one",
        "instructions": "Be brief.",
        "default": "acme/other",
    }
    said = await people.sent(world.alice, **typed)
    assert "Saved." in said.content
    assert "Guests" not in said.content
    now = await app.preferences.of(world.place)
    assert (now.follow_ups, now.model, now.instructions) == (FollowUps.MENTION, "fast-one", "Be brief.")
    assert (now.guests, now.outsiders) == (True, True)  # what this form does not show it does not change
    facts = await app.mappings.facts(world.place)
    assert facts.workspace_default is not None
    assert facts.workspace_default.repository == OTHER
    assert filled(await people.opened(world.alice, "askrepo-settings")) == typed | {"default": OTHER}


async def test_a_wrong_default_changes_nothing_at_all(world: World, people: People, app: App) -> None:
    before = await app.preferences.of(world.place)
    await people.opened(world.alice, "askrepo-settings")
    said = await people.sent(world.alice, follow_ups=["always"], instructions="Be brief.", default="no repository")
    assert "names no repository" in said.content
    assert await app.preferences.of(world.place) == before
    again = filled(await people.again(world.alice, said))
    assert again == {"follow_ups": ["always"], "model": "", "instructions": "Be brief.", "default": "no repository"}


async def test_what_cannot_be_saved_is_told_and_can_be_mended(world: World, people: People, app: App) -> None:
    await people.opened(world.alice, "askrepo-settings")
    said = await people.sent(world.alice, model="fast\u200bone")
    assert "cannot be saved" in said.content
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "Saved.", model="fast")
    assert said.buttons == {}


async def test_a_member_reads_the_settings_and_cannot_change_them(world: World, people: People, app: App) -> None:
    world.discord.ignores_defaults = True
    said = await people.command(world.bob, "askrepo-settings")
    assert "Follow-ups: smart" in said.content
    assert "Manage Channels" in said.content
    assert world.bob.id not in world.discord.modals


async def test_the_default_repository_by_form(world: World, people: People, app: App) -> None:
    await people.opened(world.alice, "askrepo-default")
    said = await people.sent(world.alice, default="??")
    assert "which repository you mean" in said.content
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "`github.com/acme/usual`", default="acme/usual")
    assert filled(await people.opened(world.alice, "askrepo-default")) == {"default": "github.com/acme/usual"}
    assert "has no default repository any more" in (await people.sent(world.alice, default="")).content


# tokens


async def test_a_token_by_form_is_tried_before_it_is_saved(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    form = await people.opened(world.alice, "askrepo-token", {"action": "set"})
    assert "Discord does not hide what you type here" in str(form.components)
    chat._token = TOKEN
    said = await people.sent(world.alice, token="not-this-one-1234", label="ours")
    assert "The token is not saved. The service refused" in said.content
    assert filled(await people.again(world.alice, said)) == {"token": "", "label": "ours"}
    await people.mends(world.alice, said, "That cannot be a token", token="two words")
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "The label repeats the token", token=TOKEN, label=f"my {TOKEN}")
    await people.again(world.alice, said)
    assert (await app.mappings.list(world.place))[0].token_id is None
    words = "The token of this channel works for `github.com/calcom/cal.com`"
    await people.mends(world.alice, said, words, token=TOKEN, label="ours")
    (mapping,) = await app.mappings.list(world.place)
    chosen = await app.tokens.choose(world.place.workspace, mapping.token_id)
    assert chosen.secret is not None
    assert chosen.secret.reveal() == TOKEN
    shown = (await people.command(world.alice, "askrepo-token")).content
    assert "ours" in shown
    shows = str([call.body for call in world.discord.calls])
    assert "not-this-one-1234" not in shows
    assert TOKEN not in shows


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
    await people.opened(world.alice, "askrepo-token", {"action": "set"})
    assert "is in use from now on" in (await people.sent(world.alice, token=TOKEN)).content
    assert (await app.mappings.list(world.place))[0].token_id is not None


async def test_the_token_of_the_whole_server(world: World, people: People, app: App, chat: FakeChat) -> None:
    await people.opened(world.alice, "askrepo-token", {"action": "set", "whole-server": True})
    assert "The token of this server works" in (await people.sent(world.alice, token=TOKEN)).content
    assert (await app.mappings.list(world.place))[0].token_id is None
    assert await app.tokens.of_workspace(world.place.workspace) is not None
    said = await people.command(world.alice, "askrepo-token", {"action": "remove", "whole-server": True})
    assert "The token of this server is removed." in said.content


async def test_a_pasted_token_is_not_taken(world: World, people: People, app: App) -> None:
    form = await people.opened(world.alice, "askrepo", {"question": f"token set {TOKEN}"})
    assert "have it revoked" in str(form.components)
    assert TOKEN not in str(form.components)
    assert filled(form) == {"token": "", "label": ""}


async def test_a_slow_service_is_waited_for(world: World, people: People, app: App, chat: FakeChat) -> None:
    for reply, words in ((refuses(401), "not saved"), (says("pong"), "is in use from now on")):
        goes_on = asyncio.Event()

        async def held(exchange: Exchange, reply: Reply = reply, goes_on: asyncio.Event = goes_on) -> None:
            await goes_on.wait()
            await reply(exchange)

        await people.opened(world.alice, "askrepo-token", {"action": "set"})
        chat.will(held)
        interaction = await world.discord.submits(world.alice, token=TOKEN)
        await chat.arrival()
        assert interaction.shown == ""
        goes_on.set()
        assert words in (await people.reply(interaction)).content


async def test_a_token_form_that_was_sent_already_saves_nothing(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    form, gate = await people.opened(world.alice, "askrepo-token", {"action": "set"}), asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await gate.wait()
        await says("pong")(exchange)

    chat.will(held, held)
    sent = [await world.discord.submits(world.alice, form, token=each) for each in (TOKEN, "another-token-1234")]
    for _ in sent:
        await chat.arrival()
    gate.set()
    told = sorted([(await people.reply(each)).content for each in sent])
    assert "is in use from now on" in told[0]
    assert told[1:] == ["This form has expired. Close it and open a new one."]
    assert len(await app.tokens.list(world.place.workspace)) == 1


async def test_what_takes_more_than_15_minutes_is_told_in_a_direct_message(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    goes_on = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await goes_on.wait()
        await says("pong")(exchange)

    await people.opened(world.alice, "askrepo-token", {"action": "set"})
    chat.will(held)
    await world.discord.submits(world.alice, token=TOKEN)
    await chat.arrival()
    world.discord.allows(50027)
    world.discord.advance(901)
    goes_on.set()
    direct = world.discord.dm(world.alice)
    await world.discord.until(lambda: world.discord.answers(direct))
    assert "is in use from now on" in world.discord.answers(direct)[0].content


async def test_where_direct_messages_are_closed_it_is_told_where_it_was_done(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    goes_on = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await goes_on.wait()
        await says("pong")(exchange)

    world.alice.dms_open = False
    await people.opened(world.alice, "askrepo-token", {"action": "set"})
    chat.will(held)
    await world.discord.submits(world.alice, token=TOKEN)
    await chat.arrival()
    world.discord.allows(50027, 50007)
    world.discord.advance(901)
    goes_on.set()
    await world.discord.until(lambda: world.discord.answers(world.general))
    said = world.discord.answers(world.general)[0]
    assert said.content.startswith(f"{world.alice} ")
    assert "is in use from now on" in said.content
    assert said.buttons == {}


# the one-time link


@pytest.fixture
async def public(world: World, chat: FakeChat, tmp_path: Path) -> Start:
    more = {"ASKREPO_PUBLIC_URL": "https://bot.example.org"}
    given = house.settings(world.discord, chat, f"sqlite:///{tmp_path}/public.db", **more)
    return lambda: house.askrepo(world.discord, given)


async def test_a_token_by_link(world: World, people: People, public: Start, chat: FakeChat) -> None:
    async with public() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        said = await people.command(world.alice, "askrepo-token", {"action": "set"})
        assert "for you alone" in said.content
        assert world.alice.id not in world.discord.modals
        (url,) = re.findall(r"https://bot\.example\.org(/token/[\w-]{43})", str(said.components))
        pages = Starlette(routes=token_routes(app.tickets, app.tokens, app.trials))
        async with AsyncClient(transport=ASGITransport(pages), base_url="https://bot.example.org") as browser:
            page = (await browser.get(url)).text
            assert "your channel" in page
            assert "Alice" in page
            assert (await browser.post(url, data={"token": TOKEN, "label": ""})).status_code == 200
        assert (await app.mappings.list(world.place))[0].token_id is not None


async def test_no_token_is_entered_on_a_page_that_is_reached_in_clear(
    world: World, people: People, chat: FakeChat, tmp_path: Path
) -> None:
    more = {"ASKREPO_PUBLIC_URL": "http://bot.example.org"}
    given = house.settings(world.discord, chat, f"sqlite:///{tmp_path}/clear.db", **more)
    async with house.askrepo(world.discord, given) as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await people.opened(world.alice, "askrepo-token", {"action": "set"})


async def test_the_link_is_for_those_who_may(world: World, people: People, public: Start) -> None:
    async with public() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        said = await people.command(world.bob, "askrepo", {"question": f"token set {TOKEN}"})
        assert "Manage Channels" in said.content
        assert "have it revoked" in said.content
        assert "bot.example.org" not in str(said.components)


# autocomplete


async def test_repositories_are_offered_while_typing(world: World, people: People, app: App) -> None:
    await app.mappings.map(world.place, OTHER, alias="web", actor="U")
    await app.mappings.set_default(world.place.workspace, "acme/usual", actor="U")
    await world.discord.until(lambda: world.discord.commands.get(""))
    offered = await world.discord.autocompletes(world.alice, world.general, "askrepo-unmap", "repository", "we")
    assert offered == [{"name": f"{OTHER} (web)", "value": OTHER}]
    offered = await world.discord.autocompletes(world.alice, world.general, "askrepo-map", "repository", "usual")
    assert [each["value"] for each in offered] == ["github.com/acme/usual"]


async def test_in_a_thread_the_token_is_that_of_its_repository(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    other = "github.com/acme/other"
    await app.mappings.map(world.place, other, alias="other", actor="U")
    question = await world.discord.says(world.alice, world.general, f"{world.discord.bot} in:other where?")
    thread = (await house.answered(world, question))[-1].channel
    status = await people.command(world.alice, "askrepo-status", channel=thread)
    assert f"knows `{other}`" in status.content
    await people.form(world.alice, await people.uses(world.alice, "askrepo-token", {"action": "set"}, thread))
    assert f"works for `{other}`" in (await people.sent(world.alice, token=TOKEN)).content
    tokens = {each.repository: each.token_id for each in await app.mappings.list(world.place)}
    assert (tokens[house.REPOSITORY], tokens[other] is not None) == (None, True)
