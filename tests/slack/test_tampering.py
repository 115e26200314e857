"""Clicks and forms that are not what we handed out, or not for whoever sends them: none of them acts."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bots.slack import blocks, modals, offers
from bots.slack.asking import Asking
from bots.slack.calls import Calls
from bots.slack.forms import About, Forms
from bots.slack.installs import Installs
from bots.slack.interactions import Clicked, Submitted, of_interaction
from bots.slack.managing import Managing
from bots.slack.people import People
from bots.slack.pressing import Pressing
from bots.slack.privately import Privately, Somebody
from bots.slack.replying import Replying
from bots.slack.surroundings import Around
from bots.slack.web_client import Slack
from bots.tasks import Tasks
from core import bootstrap
from core.bootstrap import App
from core.channels.suspensions import suspension_of
from core.conversation.values import Asker, ChannelRef, Outcome, Question, ThreadRef
from core.relay.claims import Scope
from core.relay.endings import Ending
from core.relay.steering import Steering
from tests.fakes.chat import FakeChat
from tests.fakes.slack_values import Channel, User
from tests.fakes.slack_views import trigger
from tests.slack import house
from tests.slack.house import World

NUMBER = int(os.environ.get("ASKREPO_FUZZ_NUMBER", "2000"))
TURN_ACTIONS = (blocks.RETRY, blocks.AGAIN, blocks.STOP, blocks.FEEDBACK, blocks.MAP)
ACTIONS = (*TURN_ACTIONS, offers.TOKEN, offers.CONFIRM, offers.DEFAULT)
FORMS = (modals.MAP_FORM, modals.TOKEN_FORM, modals.SETTINGS_FORM, modals.DEFAULT_FORM, modals.ASK_FORM)
VALUES: dict[str, dict[str, Any]] = {
    modals.REPOSITORY: {"value": "acme/stolen"},
    modals.TOKEN: {"value": "stolen-token-1234"},
    modals.FOLLOW_UPS: {"selected_option": {"value": "always"}},
    modals.GUESTS: {"selected_options": [{"value": "allowed"}]},
    modals.DEFAULT: {"value": "acme/stolen"},
    modals.QUESTION: {"value": "what is the secret?"},
}

Json = dict[str, Any]


@dataclass
class Rim:
    """Pressing, with what it does to the outside in sight; no worker runs."""

    world: World
    app: App
    pressing: Pressing
    forms: Forms
    tasks: Tasks
    stopped: list[ThreadRef] = field(default_factory=list)
    turns: dict[str, str] = field(default_factory=dict)  # by name of the channel
    suspension: str = ""  # what today's button to confirm says

    async def state(self) -> object:
        """All that a click or a form could change."""
        app, place = self.app, self.world.place
        turns = [await app.threads.of_turn(ref.workspace, turn) for ref, turn in self.all_turns()]
        return (
            await app.mappings.facts(place),
            await app.preferences.of(place),
            await app.tokens.list(place.workspace),
            await app.feedback.counts(place.workspace),
            turns,
            await app.threads.recent(place.workspace, self.world.alice.id, most=50),
            list(self.stopped),
        )

    def all_turns(self) -> list[tuple[ChannelRef, str]]:
        return [(ChannelRef("slack", *name.split("/")), turn) for name, turn in self.turns.items()]

    async def ask(self, team: str, channel: str, user: User) -> None:
        """A question that has ended, so that it could be asked again."""
        ref = ChannelRef("slack", team, channel)
        thread = ThreadRef(ref, self.world.slack.now_ts())
        asked = Question(thread, thread.thread_id, 1, Asker(user.id), "where?", datetime.now(UTC))
        accepted = await self.app.intake.accept(asked)
        (claim,) = await self.app.leases.claim("worker", Scope(("slack",), thread), 1)
        await self.app.leases.finish(claim, Ending(Outcome.STOPPED))
        self.turns[f"{team}/{channel}"] = accepted.turn_id or ""


@pytest.fixture
async def rim(world: World, chat: FakeChat, tmp_path: Path) -> AsyncIterator[Rim]:
    given = house.settings(world.slack, world.askrepo, chat, f"sqlite:///{tmp_path}/askrepo.db")
    async with bootstrap.opened(given) as app:
        slack, tasks, stopped = Slack(given.slack_api_url), Tasks(), list[ThreadRef]()

        async def stop(thread: ThreadRef, turn_id: str | None = None, *, before: int | None = None) -> bool:
            stopped.append(thread)
            return True

        installs = Installs(slack, app.installations, bot_token=given.slack_bot_token)
        calls = Calls(app.allowances)
        people = People(calls)
        around = Around(calls, people, given.slack_api_url)
        privately = Privately(installs, calls, around)
        steering = Steering(app.threads, app.history, app.mappings, app.revisions, stop, app.allowances)
        managing = Managing(app, installs, calls, people, privately, steering, tasks)
        asking = Asking(app, Replying(privately, tasks), steering, managing.doorman, tasks)
        pressing = Pressing(app, installs, calls, people, managing, tasks, asking, steering)
        made = Rim(world, app, pressing, Forms(app.tickets, installs, calls), tasks, stopped)
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await app.mappings.suspend(world.place, actor="test")
        made.suspension = suspension_of(await app.mappings.list(world.place))
        other = world.slack.channel(world.team, "other", world.alice, world.bob)
        await made.ask(world.team.id, world.general.id, world.alice)
        await made.ask(world.team.id, other.id, world.alice)
        await made.ask("T0ELSEWHERE", world.general.id, world.alice)
        yield made
        await tasks.finished(5)
        await slack.close()


def click(rim: Rim, user: User, channel: Channel, action: str, value: str) -> Json:
    """As Slack sends it for a button of a private message, where each reply takes its own way."""
    world = rim.world
    return {
        "type": "block_actions",
        "user": {"id": user.id, "team_id": user.team.id},
        "team": {"id": world.team.id},
        "api_app_id": world.slack.app.id,
        "trigger_id": trigger(world.slack, user, world.team),
        "container": {"type": "message", "channel_id": channel.id, "message_ts": "1.000000", "is_ephemeral": True},
        "channel": {"id": channel.id},
        "response_url": world.slack.responses.new(world.askrepo, channel, user),
        "actions": [{"action_id": action, "value": value, "type": "button"}],
    }


def form(rim: Rim, user: User, callback_id: str, ticket: str) -> Json:
    values = {name: {name: {"type": "plain_text_input", **value}} for name, value in VALUES.items()}
    return {
        "type": "view_submission",
        "user": {"id": user.id, "team_id": user.team.id},
        "team": {"id": rim.world.team.id},
        "trigger_id": "",
        "view": {
            "id": "V0TAMPERED",
            "callback_id": callback_id,
            "private_metadata": ticket,
            "state": {"values": values},
        },
    }


def spoiled(rng: random.Random, text: str) -> str:
    """Another text than this one."""
    at = rng.randrange(len(text) + 1)
    made = rng.choice(
        [
            text[:at],
            text[:at] + rng.choice("0aZ'%\0_-é") + text[at:],
            text[:at] + rng.choice("0aZ'%") + text[at + 1 :],
            text[::-1],
            text.swapcase(),
            "' OR '1'='1",
            "",
        ]
    )
    return made if made != text else f"{text}0"


def bad_click(rng: random.Random, rim: Rim, strangers: list[User]) -> Json:
    world, action = rim.world, rng.choice(ACTIONS)
    here = rim.turns[f"{world.team.id}/{world.general.id}"]
    sign = rng.choice("+-") if action == blocks.FEEDBACK else ""
    elsewhere = [turn for turn in rim.turns.values() if turn != here]
    if action in TURN_ACTIONS:  # a turn that is not of this channel, whoever presses
        foreign = rng.choice(elsewhere) if rng.random() < 0.5 else spoiled(rng, here)
        user = rng.choice([world.alice, world.bob, *strangers])
        return click(rim, user, world.general, action, f"{sign}{foreign}")
    if action == offers.CONFIRM and rng.random() < 0.5:  # a suspension that is not this one, by an admin
        return click(rim, world.alice, world.general, action, rng.choice(["", "now", here]))
    value = rng.choice(["", "workspace", here, rim.suspension])  # the right ones too, by those who may not
    return click(rim, rng.choice([world.bob, *strangers]), world.general, action, value)


async def test_no_tampered_click_acts(rim: Rim, chat: FakeChat) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng, world = random.Random(seed), rim.world
    outside = world.slack.team("beta")
    strangers = [
        world.slack.user(world.team, "gus", guest="restricted"),
        world.slack.user(outside, "mallory"),
        User("U0NOBODY", world.team, "nobody"),
    ]
    before = await rim.state()
    for number in range(NUMBER):
        clicked = of_interaction(bad_click(rng, rim, strangers))
        assert isinstance(clicked, Clicked)
        await rim.pressing.clicked(clicked)
        if number % 50 == 49:
            await rim.tasks.finished(10)
    await rim.tasks.finished(10)
    assert await rim.state() == before
    assert chat.requests == []


async def test_no_tampered_form_acts(rim: Rim, chat: FakeChat) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng, world = random.Random(seed), rim.world
    alice = Somebody(_installed(rim), world.alice.id, world.place)
    tickets = {
        name: await rim.forms.ticket(
            alice, name, About(None if name == modals.DEFAULT_FORM else world.place, thread_id="1.000000")
        )
        for name in FORMS
    }
    before = await rim.state()
    mutations: list[Callable[[Json, str], None]] = [
        lambda sent, name: sent["view"].update(private_metadata=spoiled(rng, tickets[name])),
        lambda sent, name: sent["view"].update(callback_id=rng.choice([each for each in FORMS if each != name])),
        lambda sent, name: sent["view"].update(callback_id=spoiled(rng, name)),
        lambda sent, name: sent["user"].update(id=world.bob.id),
        lambda sent, name: sent["team"].update(id="T0ELSEWHERE"),
    ]
    for _ in range(NUMBER):
        name = rng.choice(FORMS)
        sent = form(rim, world.alice, name, tickets[name])
        rng.choice(mutations)(sent, name)
        submitted = of_interaction(sent)
        assert isinstance(submitted, Submitted)
        errors = await rim.pressing.submitted(submitted)
        assert errors is not None
        assert "has expired" in next(iter(errors.values()))
    await rim.tasks.finished(10)
    assert await rim.state() == before
    assert chat.requests == []


async def test_the_untampered_ones_act(rim: Rim) -> None:
    """So that the tests above test what they say."""
    world = rim.world
    alice = Somebody(_installed(rim), world.alice.id, world.place)
    here = rim.turns[f"{world.team.id}/{world.general.id}"]
    before = await rim.state()
    for action, value in ((blocks.FEEDBACK, f"+{here}"), (blocks.RETRY, here)):
        clicked = of_interaction(click(rim, world.alice, world.general, action, value))
        assert isinstance(clicked, Clicked)
        await rim.pressing.clicked(clicked)
        await rim.tasks.finished(10)
        after = await rim.state()
        assert after != before
        before = after
    for name in FORMS:
        about = About(
            None if name == modals.DEFAULT_FORM else world.place,
            house.REPOSITORY,
            thread_id="1.000000" if name == modals.ASK_FORM else "",
        )
        sent = form(rim, world.alice, name, await rim.forms.ticket(alice, name, about))
        if name == modals.DEFAULT_FORM:  # the settings have set the other already
            sent["view"]["state"]["values"][modals.DEFAULT][modals.DEFAULT]["value"] = ""
        submitted = of_interaction(sent)
        assert isinstance(submitted, Submitted)
        assert await rim.pressing.submitted(submitted) is None, name
        after = await rim.state()
        assert after != before, name
        before = after


def _installed(rim: Rim) -> Any:
    clicked = of_interaction(click(rim, rim.world.alice, rim.world.general, "x", "x"))
    assert isinstance(clicked, Clicked)
    return clicked.installed
