"""The fake Discord's commands, buttons, autocomplete and forms, answered by an unmodified discord.py or by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from tests.fakes.discord_client import App, Server, button, logged_in, row
from tests.fakes.discord_commands import check_command
from tests.fakes.discord_errors import DiscordError
from tests.fakes.discord_values import Interaction, Message

QUIET: dict[str, Any] = {"parse": []}
Answer = Callable[[discord.Interaction[Any]], Awaitable[Any]]


class Form(ui.Modal, title="Access token"):
    """One input of each kind."""

    word: Any = ui.Label(text="Token", component=ui.TextInput(custom_id="token", min_length=2, max_length=100))
    choice: Any = ui.Label(
        text="Kind",
        component=ui.Select(custom_id="kind", options=[discord.SelectOption(label=each, value=each) for each in "ab"]),
    )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        words = f"{self.word.component.value} {self.choice.component.values}"
        await interaction.response.send_message(words, ephemeral=True)


class Pressed(ui.DynamicItem[ui.Button[Any]], template=r"go:(?P<number>\d+)"):
    """A button whose answer is the test's."""

    answer: Answer

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: ui.Item[Any], match: Any) -> Pressed:
        return cls(ui.Button(custom_id=match.group(0)))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await Pressed.answer(interaction)


@asynccontextmanager
async def commanded(server: Server, ask: Answer | None = None) -> AsyncIterator[App]:
    """discord.py with `/askrepo ask question:`, the message command "Ask about this" and a button "Go"."""
    app = App(content=server.fake.message_content)
    tree = app_commands.CommandTree(app)
    group: Any = app_commands.Group(name="askrepo", description="Ask about your code")

    @group.command(name="ask", description="Ask")  # type: ignore[untyped-decorator]
    async def command(interaction: discord.Interaction[Any], question: str, who: discord.User | None = None) -> None:
        if ask:
            await ask(interaction)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = ui.View(timeout=None)
        view.add_item(ui.Button(label="Go", custom_id="go:1"))
        await interaction.edit_original_response(content=f"{question} {who}", view=view)
        await interaction.followup.send("for all", wait=True)

    @command.autocomplete("question")  # type: ignore[untyped-decorator]
    async def offered(interaction: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed}!", value=typed)]

    @tree.context_menu(name="Ask about this")
    async def about(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message(f"about {message.content}")

    tree.add_command(group)

    async def prepare() -> None:
        await tree.sync()
        app.add_dynamic_items(Pressed)

    app.setup_hook = prepare  # type: ignore[method-assign]
    async with logged_in(server.fake, app):
        yield app


async def clicked(server: Server, *, wait: bool = False, message: Message | None = None) -> Interaction:
    """A press of alice on a message of the bot, answered by nobody."""
    on = message or await server.posted(components=[row(button())])
    return await server.fake.clicks(server.alice, on, "Go", wait=wait)


async def answer(server: Server, interaction: Interaction, kind: int, data: Any = None, query: str = "") -> Any:
    """Answer by hand; the code of the refusal, or the answer."""
    path = f"/interactions/{interaction.id}/{interaction.token}/callback{query}"
    status, told = await server.call("POST", path, {"type": kind, **({} if data is None else {"data": data})})
    return told if status < 400 else told["code"]


def hook(server: Server, interaction: Interaction, message: str = "") -> str:
    path = f"/webhooks/{server.fake.application_id}/{interaction.token}"
    return path + (f"/messages/{message}" if message else "")


# what people do, with discord.py


async def test_a_command_is_deferred_answered_and_followed_up(server: Server) -> None:
    fake = server.fake
    async with commanded(server):
        used = await fake.command(server.alice, server.general, "askrepo ask", {"question": "why", "who": server.alice})
        assert (used.answered, used.ephemeral) == (5, True)
        assert await fake.answered(used) == "why alice"
        await fake.until(lambda: fake.posts(server.general))
    assert [each.buttons for each in fake.ephemerals(server.general, server.alice)] == [{"Go": "go:1"}]
    said = fake.posts(server.general)[0]
    assert (said.content, said.answers and said.answers["user"]["id"]) == ("for all", server.alice.id)
    assert said.application_id == fake.application_id


async def test_options_are_completed(server: Server) -> None:
    async with commanded(server):
        choices = await server.fake.autocompletes(server.alice, server.general, "askrepo ask", "question", "wh")
    assert choices == [{"name": "wh!", "value": "wh"}]


async def test_a_message_has_a_menu(server: Server) -> None:
    server.fake.message_content = False  # the target is shown all the same
    question = await server.fake.says(server.alice, server.general, "these words")
    async with commanded(server):
        chosen = await server.fake.context_command(server.alice, question, "Ask about this")
    assert (chosen.shown, chosen.ephemeral) == ("about these words", False)
    assert chosen.original
    assert chosen.original.type == 23


async def test_a_button_opens_a_form(server: Server) -> None:
    fake, general = server.fake, server.general
    Pressed.answer = lambda interaction: interaction.response.send_modal(Form())
    message = await server.posted(components=[row(button())])
    async with commanded(server):
        await fake.clicks(server.alice, message, "go:1")
        form = fake.modal(server.alice)
        assert form
        assert (form.title, form.labels) == ("Access token", {"token": "Token", "kind": "Kind"})
        sent = await fake.submits(server.alice, token="abc", kind="b")
    assert sent.shown == "abc ['b']"
    assert fake.modal(server.alice) is None
    assert fake.ephemerals(general, server.alice)[0].reference is message


async def test_a_button_changes_its_message(server: Server) -> None:
    async def change(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.edit_message(content="pressed", view=None)

    Pressed.answer = change
    message = await server.posted(components=[row(button())])
    async with commanded(server):
        pressed = await server.fake.clicks(server.alice, message, "Go")
    assert (pressed.answered, message.content, message.buttons) == (7, "pressed", {})


async def test_direct_messages_have_commands_too(server: Server) -> None:
    async with commanded(server):
        used = await server.fake.command(server.alice, server.fake.dm(server.alice), "askrepo ask", {"question": "why"})
        assert await server.fake.answered(used) == "why None"
    assert used.owners == {"0": "0"}


async def test_an_interaction_that_nobody_answers_fails_the_test(server: Server) -> None:
    async def silence(interaction: discord.Interaction[Any]) -> None:
        return

    server.fake.patience = 0.1
    async with commanded(server, silence):
        used = await server.fake.command(server.alice, server.general, "askrepo ask", {"question": "why"})
    assert used.answered == 0
    assert [each.code for each in server.fake.violations] == ["not_answered"]
    server.fake.allows("not_answered")


async def test_what_a_person_is_not_offered(server: Server) -> None:
    fake = server.fake
    command = {"name": "map", "description": "d", "default_member_permissions": "16", "contexts": [0]}
    await server.call("PUT", f"/applications/{fake.application_id}/commands", [command])
    for place, name, complaint in (
        (server.general, "map", "hidden"),
        (server.general, "other", "registered"),
        (fake.dm(server.alice), "map", "context"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            await fake.command(server.alice, place, name)
    fake.ignores_defaults = True
    await fake.command(server.alice, server.general, "map")


# what the app must not do, by hand


async def test_the_first_answer_comes_within_three_seconds(server: Server) -> None:
    late = await clicked(server)
    server.fake.advance(3.1)
    assert await answer(server, late, 5) == 10062
    assert [each.code for each in server.fake.violations] == [10062]
    in_time = await clicked(server)
    server.fake.advance(2.9)
    assert await answer(server, in_time, 6) is None
    assert await answer(server, in_time, 6) == 40060
    assert await server.refused("POST", f"/interactions/{'1' * 18}/{'x' * 9}/callback", {"type": 6}) == (404, 10062)
    server.fake.allows(10062, 40060)


async def test_which_answers_fit_which_interactions(server: Server) -> None:
    fake, app = server.fake, server.fake.application_id
    option = {"type": 3, "name": "q", "description": "d", "autocomplete": True}
    await server.call(
        "PUT", f"/applications/{app}/commands", [{"name": "ask", "description": "d", "options": [option]}]
    )
    form = {"custom_id": "f", "title": "t", "components": [{"type": 10, "content": "text only"}]}

    async def used() -> Interaction:
        return await fake.command(server.alice, server.general, "ask", wait=False)

    said = {"content": "t", "allowed_mentions": QUIET}
    wrong: list[tuple[int, Any]] = [(6, None), (7, said), (8, {"choices": []}), (1, None)]
    for kind, data in wrong:
        assert await answer(server, await used(), kind, data) == 50035
    right: list[tuple[int, Any]] = [(4, said), (5, {"flags": 64}), (9, form)]
    for kind, data in right:
        assert await answer(server, await used(), kind, data) is None
    assert await answer(server, await clicked(server), 8, {"choices": []}) == 50035
    for data in ({"flags": 4}, {"content": "said too early"}):
        assert await answer(server, await clicked(server), 5, data) == 50035
    opened = await clicked(server)
    assert await answer(server, opened, 9, form) is None
    sent = await fake.submits(server.alice, wait=False)
    assert await answer(server, sent, 9, form) == 50035
    assert await answer(server, sent, 7, {"content": "t", "allowed_mentions": QUIET}) is None
    fake.allows(50035)


@pytest.mark.parametrize(
    "data",
    [
        {"content": "x" * 2_001},
        {"flags": 1 << 5, "content": "t"},
        {"content": "t", "nonce": "n"},
        {"content": "t", "components": [row(button("x" * 101))]},
    ],
)
async def test_answers_obey_the_limits_of_messages(server: Server, data: dict[str, Any]) -> None:
    assert await answer(server, await clicked(server), 4, {"allowed_mentions": QUIET, **data}) == 50035
    server.fake.allows(50035)


INPUT = {"type": 4, "custom_id": "i", "style": 1}
FORMS: list[dict[str, Any]] = [
    {"title": "x" * 46},
    {"title": ""},
    {"custom_id": "x" * 101},
    {"components": []},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "custom_id": str(at)}} for at in range(6)]},
    {"components": [{"type": 18, "label": "l", "component": INPUT}] * 2},
    {"components": [{"type": 18, "label": "x" * 46, "component": INPUT}]},
    {"components": [{"type": 18, "label": "l", "description": "x" * 101, "component": INPUT}]},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "max_length": 4_001}}]},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "placeholder": "x" * 101}}]},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "value": "xxx", "max_length": 2}}]},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "style": 3}}]},
    {"components": [{"type": 18, "label": "l", "component": {**INPUT, "label": "twice"}}]},
    {"components": [{"type": 18, "label": "l", "component": button()}]},
    {"components": [{"type": 1, "components": [INPUT]}]},
    {"components": [row(button())]},
    {"components": [INPUT]},
]


@pytest.mark.parametrize("wrong", FORMS)
async def test_the_limits_of_a_form(server: Server, wrong: dict[str, Any]) -> None:
    form = {"custom_id": "f", "title": "t", "components": [{"type": 18, "label": "l", "component": INPUT}]}
    assert await answer(server, await clicked(server), 9, {**form, **wrong}) == 50035
    assert server.fake.modal(server.alice) is None
    server.fake.allows(50035)
    assert await answer(server, await clicked(server), 9, form) is None
    assert server.fake.modal(server.alice)


async def test_choices_are_limited(server: Server) -> None:
    option = {"type": 3, "name": "q", "description": "d", "autocomplete": True}
    commands = [{"name": "ask", "description": "d", "options": [option]}]
    await server.call("PUT", f"/applications/{server.fake.application_id}/commands", commands)
    for choices in (
        [{"name": "n", "value": "v"}] * 26,
        [{"name": "x" * 101, "value": "v"}],
        [{"name": "n", "value": "x" * 101}],
    ):
        await server.fake.autocompletes(server.alice, server.general, "ask", "q", "w")
        typed = list(server.fake.interactions.values())[-1]
        assert await answer(server, typed, 8, {"choices": choices}) == 50035
        assert await answer(server, typed, 5) == 50035
    assert await answer(server, typed, 8, {"choices": []}) is None
    body = {"content": "t", "allowed_mentions": QUIET}
    assert await server.refused("POST", hook(server, typed), body) == (404, 10015)
    server.fake.allows(50035)


async def test_before_the_answer_and_after_fifteen_minutes_there_is_no_webhook(server: Server) -> None:
    pressed, body = await clicked(server), {"content": "t", "allowed_mentions": QUIET}
    assert await server.refused("POST", hook(server, pressed), body) == (404, 10015)
    assert await server.refused("PATCH", hook(server, pressed, "@original"), body) == (404, 10015)
    await answer(server, pressed, 5)
    assert await server.refused("POST", f"/webhooks/{'1' * 18}/{pressed.token}", body) == (404, 10015)
    server.fake.advance(899)
    status, told = await server.call("PATCH", hook(server, pressed, "@original"), body)
    assert (status, told["content"]) == (200, "t")
    server.fake.advance(2)
    assert await server.refused("PATCH", hook(server, pressed, "@original"), body) == (401, 50027)
    assert [each.code for each in server.fake.violations] == [50027]
    server.fake.allows(50027)


async def test_the_first_follow_up_takes_the_place_of_what_was_deferred(server: Server) -> None:
    pressed, body = await clicked(server), {"content": "t", "allowed_mentions": QUIET}
    await answer(server, pressed, 5, {"flags": 64})
    assert pressed.original
    _, first = await server.call("POST", hook(server, pressed), body)
    assert (first["id"], first["flags"]) == (pressed.original.id, 64)
    _, second = await server.call("POST", hook(server, pressed), body)
    assert (second["id"] != first["id"], second["flags"]) == (True, 0)
    assert [each.content for each in server.fake.ephemerals(server.general, server.alice)] == ["t"]
    assert (await server.call("GET", hook(server, pressed, second["id"])))[1]["content"] == "t"
    assert (await server.call("DELETE", hook(server, pressed, "@original")))[0] == 204
    assert server.fake.ephemerals(server.general, server.alice) == []
    assert await server.refused("GET", hook(server, pressed, "@original")) == (404, 10008)


async def test_a_private_answer_cannot_follow_a_public_defer(server: Server) -> None:
    pressed = await clicked(server)
    await answer(server, pressed, 5)
    await server.call("POST", hook(server, pressed), {"content": "secret", "flags": 64, "allowed_mentions": QUIET})
    assert server.fake.answers(server.general)[-1].content == "secret"
    assert [each.code for each in server.fake.violations] == ["ephemeral_ignored"]
    server.fake.allows("ephemeral_ignored")


async def test_answers_say_that_they_ping_nobody_too(server: Server) -> None:
    await answer(server, await clicked(server), 4, {"content": f"{server.alice}"})
    assert [each.code for each in server.fake.violations] == ["allowed_mentions_missing", "ping"]
    server.fake.allows("allowed_mentions_missing", "ping")


async def test_where_the_app_is_installed_to_a_user_only(server: Server) -> None:
    fake = server.fake
    elsewhere = fake.guild("elsewhere", bot=False)
    carol = fake.user(elsewhere, "carol")
    lounge = fake.channel(elsewhere, "lounge")
    command = {"name": "ask", "description": "d", "integration_types": [0, 1], "contexts": [0, 1, 2]}
    await server.call("PUT", f"/applications/{fake.application_id}/commands", [command])
    used = await fake.command(carol, lounge, "ask", wait=False)
    assert used.owners == {"1": carol.id}
    fake.limits.on = False
    body = {"content": "t", "allowed_mentions": QUIET}
    await answer(server, used, 4, {**body, "flags": 64})
    for _ in range(5):
        assert (await server.call("POST", hook(server, used), body))[0] == 200
    assert await server.refused("POST", hook(server, used), body) == (400, 40094)
    assert await server.refused("POST", f"/channels/{lounge.id}/messages", body) == (403, 50001)
    fake.allows(40094)


async def test_with_response_the_message_is_told(server: Server) -> None:
    said = {"content": "t", "flags": 64, "allowed_mentions": QUIET}
    told = await answer(server, await clicked(server), 4, said, "?with_response=true")
    assert told["resource"]["message"]["content"] == "t"
    assert told["interaction"]["response_message_ephemeral"] is True
    told = await answer(server, await clicked(server), 5, None, "?with_response=true")
    assert (told["interaction"]["response_message_loading"], "message" in told["resource"]) == (True, False)


async def test_a_person_presses_only_what_is_there(server: Server) -> None:
    fake, bob = server.fake, server.fake.user(server.acme, "bob")
    pressed = await clicked(server)
    await answer(server, pressed, 4, {"content": "t", "flags": 64, "components": [row(button())]})
    fake.allows("allowed_mentions_missing")
    private = fake.ephemerals(server.general, server.alice)[0]
    for person, message, what in ((bob, private, "Go"), (server.alice, private, "Stop")):
        with pytest.raises(AssertionError):
            await fake.clicks(person, message, what, wait=False)
    off = await server.posted(components=[row(button(disabled=True))])
    with pytest.raises(AssertionError, match="disabled"):
        await fake.clicks(bob, off, "Go", wait=False)


# definitions of commands


GOOD: dict[str, Any] = {"name": "ask", "description": "d"}
OPTION: dict[str, Any] = {"type": 3, "name": "q", "description": "d"}


def with_options(*options: dict[str, Any]) -> dict[str, Any]:
    return {**GOOD, "options": [{**OPTION, **each} for each in options]}


@pytest.mark.parametrize(
    "command",
    [
        {"name": "Ask", "description": "d"},
        {"name": "a b", "description": "d"},
        {"name": "x" * 33, "description": "d"},
        {"name": "ask"},
        {**GOOD, "description": "x" * 101},
        {**GOOD, "type": 3},
        {**GOOD, "contexts": [3]},
        {**GOOD, "contexts": []},
        {**GOOD, "integration_types": [0, 0]},
        {**GOOD, "default_member_permissions": "manage"},
        {**GOOD, "colour": "red"},
        with_options(*({"name": f"q{at}"} for at in range(26))),
        with_options({}, {}),
        with_options({"required": False}, {"name": "p", "required": True}),
        with_options({"choices": [{"name": "n", "value": "v"}] * 26}),
        with_options({"choices": [{"name": "n", "value": "v"}], "autocomplete": True}),
        with_options({"choices": [{"name": "n", "value": "x" * 101}]}),
        with_options({"type": 5, "autocomplete": True}),
        with_options({"name": 5}),
        with_options({"type": 4, "choices": [{"name": "n", "value": "v"}]}),
        with_options({"options": [OPTION]}),
        with_options({"max_length": 6_001}),
        with_options({"type": 1}, {"name": "p"}),
        with_options({"type": 2, "options": [OPTION]}),
        with_options({"type": 1, "options": [{**OPTION, "type": 1}]}),
        with_options(*({"name": f"q{at}", "description": "x" * 100, "choices": [
            {"name": "n" * 100, "value": "v" * 100}] * 10} for at in range(4))),
    ],
)  # fmt: skip
def test_the_limits_of_a_command(command: dict[str, Any]) -> None:
    with pytest.raises(DiscordError, match="50035"):
        check_command(command)


def test_commands_that_are_right() -> None:
    check_command(GOOD)
    check_command({"name": "Ask about this Message", "type": 3})
    deep = {"type": 2, "name": "g", "description": "d", "options": [{**OPTION, "type": 1, "options": [OPTION]}]}
    check_command({**GOOD, "options": [deep, {**OPTION, "type": 1, "name": "s"}]})


async def test_a_bulk_overwrite_is_the_whole_set(server: Server) -> None:
    fake = server.fake
    path = f"/applications/{fake.application_id}/commands"
    _, first = await server.call("PUT", path, [GOOD, {"name": "Ask", "type": 3}])
    _, second = await server.call("PUT", path, [GOOD])
    assert second[0]["id"] == first[0]["id"]
    assert [each["name"] for each in (await server.call("GET", path))[1]] == ["ask"]
    fake.limits.on = False
    for wrong in ([GOOD, GOOD], [{**GOOD, "name": "A"}], GOOD):
        assert await server.refused("PUT", path, wrong) == (400, 50035)
    elsewhere = f"/applications/{fake.application_id}/guilds/{'1' * 18}/commands"
    assert await server.refused("PUT", elsewhere, []) == (403, 50001)
    assert await server.refused("PUT", path, [{"name": f"m{at}", "type": 3} for at in range(16)]) == (400, 30032)
    assert await server.refused("PUT", "/applications/" + "1" * 18 + "/commands", []) == (404, 10002)
    own = f"/applications/{fake.application_id}/guilds/{server.acme.id}/commands"
    for at in range(4):
        status, _ = await server.call("PUT", own, [{**GOOD, "name": f"c{at}-{n}"} for n in range(50)])
        assert status == 200
    assert await server.refused("PUT", own, [{**GOOD, "name": "one-more"}]) == (400, 30034)
    assert [each["guild_id"] for each in fake.commands[server.acme.id]] == [server.acme.id] * 50
    fake.allows(50035, 30032, 30034)


async def test_one_command_is_made_and_removed(server: Server) -> None:
    path = f"/applications/{server.fake.application_id}/commands"
    status, made = await server.call("POST", path, GOOD)
    assert (status, made["name"]) == (201, "ask")
    assert (await server.call("DELETE", f"{path}/{made['id']}"))[0] == 204
    assert await server.refused("DELETE", f"{path}/{made['id']}") == (404, 10063)
    assert await server.refused("POST", path, {**GOOD, "name": "A"}) == (400, 50035)
    for at in range(15):
        await server.call("POST", path, {"name": f"m{at}", "type": 3})
    assert await server.refused("POST", path, {"name": "one more", "type": 3}) == (400, 30032)
    server.fake.allows(50035, 30032)
