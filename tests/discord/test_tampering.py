"""Clicks, commands and forms that are not what we handed out, or not for whoever sends them: none of them acts."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bots.discord import components, manifest, modals
from bots.discord.forms import About, Forms
from bots.discord.interactions import of_interaction
from bots.discord.managing import REOPEN, enter_token
from core import bootstrap
from core.channels.suspensions import suspension_of
from core.conversation.values import Asker, ChannelRef, Outcome, Question, ThreadRef
from core.relay.claims import Scope
from core.relay.endings import Ending
from tests.discord import house
from tests.discord.desk import Desk, DeskDiscord, desk
from tests.discord.house import World
from tests.discord.invoked import IN_THREAD, THREAD
from tests.fakes.chat import FakeChat
from tests.fakes.discord_payloads import new_interaction
from tests.fakes.discord_values import EPHEMERAL, Channel, User

NUMBER = int(os.environ.get("ASKREPO_FUZZ_NUMBER", "300"))
TURN_ACTIONS = (components.RETRY, components.AGAIN, components.STOP, components.GOOD, components.BAD, components.MAP)
ACTIONS = (*TURN_ACTIONS, components.TOKEN, components.CONFIRM, components.DEFAULT, REOPEN)
FORMS = (modals.MAP_FORM, modals.TOKEN_FORM, modals.SETTINGS_FORM, modals.DEFAULT_FORM, modals.ASK_FORM)
VALUES = {
    modals.REPOSITORY: "acme/stolen",
    modals.ALIAS: "stolen",
    modals.TOKEN: "stolen-token-1234",
    modals.FOLLOW_UPS: "always",
    modals.DEFAULT: "acme/stolen",
    modals.QUESTION: "what is the secret?",
}
COMMANDS: list[tuple[str, dict[str, object]]] = [
    (manifest.MAP, {"repository": "acme/stolen"}),
    (manifest.UNMAP, {}),
    (manifest.TOKEN, {"action": "remove"}),
    (manifest.TOKEN, {"action": "remove", "whole-server": True}),
    (manifest.TOKEN, {"action": "set"}),
    (manifest.DEFAULT, {"repository": "acme/stolen"}),
    (manifest.SETTINGS, {}),
    (manifest.ASK, {"question": "map acme/stolen"}),
    (manifest.ASK, {"question": "default none"}),
]

Json = dict[str, Any]


@dataclass
class Rim:
    """Where interactions come in, and all that they could change."""

    world: World
    desk: Desk
    forms: Forms
    turns: dict[str, str] = field(default_factory=dict)  # by where they stand: "here", or elsewhere
    suspension: str = ""  # what today's button to confirm says

    async def state(self) -> object:
        app, place = self.desk.app, self.world.place
        turns = [await app.threads.of_turn(place.workspace, turn) for turn in self.turns.values()]
        return (
            await app.mappings.facts(place),
            await app.preferences.of(place),
            await app.tokens.list(place.workspace),
            await app.feedback.counts(place.workspace),
            turns,
            await app.threads.recent(place.workspace, self.world.alice.id, most=50),
            list(self.desk.stopped),
        )

    async def ask(self, name: str, guild: str, channel: str, thread_id: str = "") -> None:
        """A question of Alice's that has ended, so that it could be asked again."""
        message_id = self.world.discord.snowflake()
        thread = ThreadRef(ChannelRef("discord", guild, channel), thread_id or message_id)
        asked = Question(thread, message_id, int(message_id), Asker(self.world.alice.id), "where?", datetime.now(UTC))
        accepted = await self.desk.app.intake.accept(asked)
        (claim,) = await self.desk.app.leases.claim("worker", Scope(("discord",)), 1)
        await self.desk.app.leases.finish(claim, Ending(Outcome.ANSWERED))
        self.turns[name] = accepted.turn_id or ""

    async def happens(self, told: Json) -> None:
        self.desk.interacting.happened(told)


@pytest.fixture
async def discord() -> AsyncIterator[DeskDiscord]:
    async with DeskDiscord() as fake:
        yield fake


@pytest.fixture
async def rim(world: World, discord: DeskDiscord, chat: FakeChat, tmp_path: Path) -> AsyncIterator[Rim]:
    given = house.settings(discord, chat, f"sqlite:///{tmp_path}/askrepo.db")
    async with bootstrap.opened(given) as app, desk(discord, app) as made:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await app.mappings.suspend(world.place, actor="test")
        rim = Rim(world, made, Forms(app.tickets), suspension=suspension_of(await app.mappings.list(world.place)))
        other = discord.channel(world.guild, "other")
        await rim.ask("here", world.guild.id, world.general.id)
        await rim.ask("another thread", world.guild.id, world.general.id, thread_id=THREAD)
        await rim.ask("another channel", world.guild.id, other.id)
        await rim.ask("another guild", "900000000000000001", world.general.id)
        yield rim


def told(rim: Rim, kind: int, user: User, channel: Channel, data: Json) -> Json:
    """As Discord delivers it."""
    return new_interaction(rim.world.discord, kind, user, channel, data)[1]


def click(rim: Rim, user: User, channel: Channel, custom_id: str) -> Json:
    """A button of a private message."""
    shown = told(rim, 3, user, channel, {"component_type": 2, "custom_id": custom_id, "id": 1})
    return shown | {"message": {"id": rim.world.discord.snowflake(), "flags": EPHEMERAL}}


def form(rim: Rim, user: User, kind: str, ticket: str) -> Json:
    fields = [
        {"type": 18, "id": at, "component": {"type": 4, "id": at + 10, "custom_id": name, "value": value}}
        for at, (name, value) in enumerate(VALUES.items(), 1)
    ]
    data = {"custom_id": f"form:{kind}:{ticket}", "components": fields}
    return told(rim, 5, user, rim.world.general, data)


def command(rim: Rim, user: User, name: str, options: dict[str, object]) -> Json:
    filled = [
        {"name": key, "type": 5 if isinstance(value, bool) else 3, "value": value} for key, value in options.items()
    ]
    return told(rim, 2, user, rim.world.general, {"id": "1", "name": name, "type": 1, "options": filled})


def spoiled(rng: random.Random, text: str) -> str:
    """Another text than this one."""
    at = rng.randrange(len(text) + 1)
    made = rng.choice(
        [
            text[:at],
            text[:at] + rng.choice("0aZ'%\0_-é:") + text[at:],
            text[:at] + rng.choice("0aZ'%:") + text[at + 1 :],
            text[::-1],
            text.swapcase(),
            "' OR '1'='1",
            "",
        ]
    )
    return made if made.partition(":")[0] != text else f"0{text}"


def bad_click(rng: random.Random, rim: Rim, strangers: list[User]) -> Json:
    world, action, here = rim.world, rng.choice(ACTIONS), rim.turns["here"]
    number = rng.choice(["", ":0", ":-1", ":999999", ":x"])
    if action in TURN_ACTIONS:  # a turn that is not of this channel or thread, whoever presses
        elsewhere = [turn for name, turn in rim.turns.items() if name not in {"here", "another thread"}]
        foreign = rng.choice(elsewhere) if rng.random() < 0.5 else spoiled(rng, here)
        shown = click(rim, rng.choice([world.alice, *strangers]), world.general, f"{action}:{foreign}{number}")
        if rng.random() < 0.3:
            shown["channel"] = IN_THREAD | {"parent_id": world.general.id}
            shown["data"]["custom_id"] = f"{action}:{here}{number}"  # a turn of another thread of this channel
        return shown
    if action == REOPEN:
        return click(rim, world.alice, world.general, f"{action}:{spoiled(rng, 't' * 43)}{number}")
    if action == components.CONFIRM and rng.random() < 0.5:  # a suspension that is not this one, by an admin
        mark = rng.choice(["", "now", here, spoiled(rng, rim.suspension)])
        return click(rim, world.alice, world.general, f"{action}:{mark}{number}")
    right = str(enter_token(house.REPOSITORY)["custom_id"]).split(":")[1]
    value = rng.choice(["", "server", here, rim.suspension, right])  # the right ones too, by those who may not
    return click(rim, rng.choice(strangers), world.general, f"{action}:{value}{number}")


def seeded() -> random.Random:
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    return random.Random(seed)


async def test_no_tampered_click_acts(rim: Rim, chat: FakeChat) -> None:
    rng, world = seeded(), rim.world
    strangers = [world.bob, world.discord.user(world.guild, "mallory", "SEND_MESSAGES")]
    before = await rim.state()
    for number in range(NUMBER):
        await rim.happens(bad_click(rng, rim, strangers))
        if number % 50 == 49:
            await rim.desk.quiet()
    await rim.desk.quiet()
    assert await rim.state() == before
    assert chat.requests == []
    assert world.discord.modals == {}


async def test_no_command_of_somebody_without_the_right_acts(rim: Rim, chat: FakeChat) -> None:
    before = await rim.state()
    for name, options in COMMANDS:
        await rim.happens(command(rim, rim.world.bob, name, options))
    await rim.desk.quiet()
    assert await rim.state() == before
    assert chat.requests == []
    assert rim.world.discord.modals == {}


ELSEWHERE: list[Json] = [
    {"context": 2},
    {"context": None},
    {"context": 1},
    {"authorizing_integration_owners": {}},
    {"authorizing_integration_owners": {"1": "900000000000000005"}},
    {"authorizing_integration_owners": {"0": "900000000000000001"}},
    {"guild_id": "900000000000000001"},
    {"guild_id": None},
    {"application_id": "900000000000000001"},
]


@pytest.mark.parametrize("changes", ELSEWHERE, ids=str)
async def test_nothing_from_elsewhere_acts_whoever_does_it(rim: Rim, chat: FakeChat, changes: Json) -> None:
    world = rim.world
    before, here = await rim.state(), rim.turns["here"]
    ticket = (await _tickets(rim))[modals.MAP_FORM]
    rim.world.discord.allows(10062, 40060)
    for shown in (
        *(command(rim, world.alice, name, options) for name, options in COMMANDS),
        command(rim, world.alice, manifest.ASK, {"question": "where?"}),
        *(click(rim, world.alice, world.general, f"{action}:{here}:0") for action in TURN_ACTIONS),
        click(rim, world.alice, world.general, f"{components.CONFIRM}:{rim.suspension}:0"),
        form(rim, world.alice, modals.MAP_FORM, ticket),
    ):
        await rim.happens({key: value for key, value in (shown | changes).items() if value is not None})
    await rim.desk.quiet()
    assert await rim.state() == before
    assert chat.requests == []
    assert world.discord.modals == {}


async def _tickets(rim: Rim) -> dict[str, str]:
    """A form of each kind, as it was handed to Alice."""
    sender = of_interaction(click(rim, rim.world.alice, rim.world.general, "x"), rim.desk.bot).sender  # type: ignore[union-attr]
    made = {}
    for name in FORMS:
        about = About(name, repository=house.REPOSITORY, thread_id="900000000000000006")
        modal = await rim.forms.modal(sender, about)
        made[name] = str(modal["custom_id"]).split(":")[2]
    return made


async def test_no_tampered_form_acts(rim: Rim, chat: FakeChat) -> None:
    rng, world, tickets = seeded(), rim.world, await _tickets(rim)
    other = world.discord.channel(world.guild, "third")
    before = await rim.state()

    def kind(sent: Json, given: str, ticket: str) -> None:
        sent["data"]["custom_id"] = f"form:{given}:{ticket}"

    mutations: list[Callable[[Json, str], None]] = [
        lambda sent, name: kind(sent, name, spoiled(rng, tickets[name])),
        lambda sent, name: kind(sent, rng.choice([each for each in FORMS if each != name]), tickets[name]),
        lambda sent, name: kind(sent, spoiled(rng, name), tickets[name]),
        lambda sent, _: sent["member"]["user"].update(id=world.bob.id),
        lambda sent, _: sent["channel"].update(id=other.id),
        lambda sent, _: sent.update(
            guild_id="900000000000000001", authorizing_integration_owners={"0": "900000000000000001"}
        ),
    ]
    for number in range(NUMBER):
        name = rng.choice(FORMS)
        sent = form(rim, world.alice, name, tickets[name])
        rng.choice(mutations)(sent, name)
        await rim.happens(sent)
        if number % 50 == 49:
            await rim.desk.quiet()
    await rim.desk.quiet()
    assert await rim.state() == before
    assert chat.requests == []


async def test_the_untampered_ones_act(rim: Rim) -> None:
    """So that the tests above test what they say."""
    world, here = rim.world, rim.turns["here"]
    before = await rim.state()
    for action, value in (
        (components.GOOD, here),
        (components.RETRY, here),
        (components.STOP, here),
        (components.CONFIRM, rim.suspension),
    ):
        await rim.happens(click(rim, world.alice, world.general, f"{action}:{value}:0"))
        await rim.desk.quiet()
        after = await rim.state()
        assert after != before, action
        before = after
    for name, ticket in (await _tickets(rim)).items():
        sent = form(rim, world.alice, name, ticket)
        if name == modals.DEFAULT_FORM:  # the settings have set the other already
            next(each for each in sent["data"]["components"] if each["component"]["custom_id"] == modals.DEFAULT)[
                "component"
            ]["value"] = ""
        await rim.happens(sent)
        await rim.desk.quiet()
        after = await rim.state()
        assert after != before, name
        before = after
