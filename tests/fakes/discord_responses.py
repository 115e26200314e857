"""REST: how the app answers interactions. Callback, the original answer, follow-ups; no bot token is needed."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_bodies import check_message
from tests.fakes.discord_components import check_modal
from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_fields import anything, items, record, text
from tests.fakes.discord_messages import add, change, remove, written
from tests.fakes.discord_pings import look_for_pings
from tests.fakes.discord_routes import NOTHING, Asked, route
from tests.fakes.discord_values import (
    COMMAND,
    CONTEXT_COMMAND,
    EPHEMERAL,
    LOADING,
    REPLY,
    Interaction,
    Json,
    Message,
    Modal,
)

PRESSED_COMMAND, PRESSED_COMPONENT, TYPED, SUBMITTED = 2, 3, 4, 5  # types of interactions
MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9  # types of answers
_FIRST_SECONDS = 3.0
_TOKEN_SECONDS = 900.0
_FOLLOW_UPS = 5  # where the app is installed to the user only


def _may(interaction: Interaction) -> set[int]:
    on_message = {DEFER_UPDATE, UPDATE} if interaction.message else set()
    return {
        PRESSED_COMMAND: {MESSAGE, DEFER, MODAL},
        PRESSED_COMPONENT: {MESSAGE, DEFER, DEFER_UPDATE, UPDATE, MODAL},
        TYPED: {CHOICES},
        SUBMITTED: {MESSAGE, DEFER} | on_message,
    }[interaction.type]


@route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", exempt=True)
def callback(asked: Asked) -> object:
    """The first answer, within 3 seconds, once."""
    world = asked.world
    interaction = world.interactions.get(asked.ids["interaction_token"])
    if interaction is None or interaction.id != asked.ids["interaction_id"]:
        raise DiscordError(10062)
    if interaction.answered:
        raise DiscordError(40060, mistake=asked.json != interaction.answer)  # the same once more: its reply was late
    if world.clock() > interaction.at + _FIRST_SECONDS:
        raise DiscordError(10062, "later than 3 seconds")
    record({"type": anything}, {"data": anything, "attachments": anything})(asked.body, "")
    kind, data = asked.json["type"], asked.json.get("data") or {}
    if kind not in _may(interaction):
        raise bad("type", f"Value must be one of {_may(interaction)}.")
    inner = Asked(world, asked.where, asked.ids, asked.query, data, asked.files)
    message = _answer(inner, interaction, kind)
    interaction.answered, interaction.answered_after = kind, world.clock() - interaction.at
    interaction.answer = asked.json
    world.change()
    if asked.query.get("with_response") not in {"true", "1"}:
        return NOTHING
    return _callback_json(world, interaction, message)


def _answer(asked: Asked, interaction: Interaction, kind: int) -> Message | None:
    world, data = asked.world, asked.json
    if kind == CHOICES:
        choice = record({"name": text(100, 1), "value": anything}, {"name_localizations": anything})
        record({"choices": items(choice, 25)})(data, "data")
        for at, each in enumerate(data["choices"]):
            if isinstance(each["value"], str):
                text(100, 1)(each["value"], f"data.choices.{at}.value")
        interaction.choices = data["choices"]
        return None
    if kind == MODAL:
        check_modal(data)
        world.modals[interaction.user.id] = Modal(interaction, data["custom_id"], data["title"], data["components"])
        return None
    if kind == DEFER:
        return _deferred(world, interaction, data)
    if kind in {DEFER_UPDATE, UPDATE}:
        interaction.original = interaction.message
        if kind == UPDATE and interaction.message:
            change(asked, interaction.message, "update")
        return interaction.message
    interaction.ephemeral = bool((data.get("flags") or 0) & EPHEMERAL)
    interaction.original = _said(asked, interaction)
    return interaction.original


def _deferred(world: Events, interaction: Interaction, data: Json) -> Message:
    """The app is thinking: a message that is still to come, ephemeral or not for good."""
    if set(data) - {"flags"} or (data.get("flags") or 0) & ~EPHEMERAL:
        raise bad("data.flags", "A defer takes the flag EPHEMERAL and nothing else.")
    interaction.ephemeral = bool((data.get("flags") or 0) & EPHEMERAL)
    message = Message(world.snowflake(), interaction.channel, world.bot, "", world.now())
    message.flags = LOADING | (EPHEMERAL if interaction.ephemeral else 0)
    interaction.original = message
    _place(world, interaction, message)
    return message


def _said(asked: Asked, interaction: Interaction) -> Message:
    """A message of the app in answer to an interaction."""
    world = asked.world
    checked = check_message(asked.json, asked.files, "interaction")
    message = written(world, asked, interaction.channel, checked)
    message.flags |= checked.flags & EPHEMERAL
    look_for_pings(world, message, asked.json)
    _place(world, interaction, message)
    return message


def _place(world: Events, interaction: Interaction, message: Message) -> None:
    message.application_id = message.webhook_id = world.application_id
    message.answers = interaction.metadata()
    followed = interaction.original if interaction.original is not message else None
    target = followed or interaction.message
    if target:
        message.type, message.reference, message.reference_ids = REPLY, target, (target.id, target.channel.id)
    elif interaction.type == PRESSED_COMMAND:
        message.type = COMMAND if interaction.data.get("type") == 1 else CONTEXT_COMMAND
    if message.flags & EPHEMERAL:
        message.ephemeral_to = interaction.user
        interaction.channel.ephemerals.append(message)
        world.change()
    else:
        add(world, message)


def _callback_json(world: Events, interaction: Interaction, message: Message | None) -> Json:
    shown: Json = {"id": interaction.id, "type": interaction.type, "channel_id": interaction.channel.id}
    if interaction.channel.guild:
        shown["guild_id"] = interaction.channel.guild.id
    resource: Json = {"type": interaction.answered}
    if message:
        shown["response_message_id"] = message.id
        shown["response_message_loading"] = bool(message.flags & LOADING)
        shown["response_message_ephemeral"] = bool(message.flags & EPHEMERAL)
        if interaction.answered not in {DEFER, DEFER_UPDATE}:
            resource["message"] = world.shown(message)
    return {"interaction": shown, "resource": resource}


# afterwards


def _find(asked: Asked) -> Interaction:
    world = asked.world
    if asked.ids["webhook_id"] != world.application_id:
        raise DiscordError(10015)
    interaction = world.interactions.get(asked.ids["webhook_token"])
    if interaction is None or world.clock() > interaction.at + _TOKEN_SECONDS:
        raise DiscordError(50027)
    if not interaction.answered:
        raise DiscordError(10015)
    return interaction


def _find_message(asked: Asked) -> tuple[Interaction, Message]:
    interaction, name = _find(asked), asked.ids["message_id"]
    found = interaction.original if name == "@original" else None
    if name != "@original":
        found = next((each for each in interaction.messages() if each.id == name), None)
    if found is None or found.deleted:
        raise DiscordError(10008)
    return interaction, found


@route("POST", "/webhooks/{webhook_id}/{webhook_token}", exempt=True)
def follow_up(asked: Asked) -> Json:
    """A further message. The first one after a defer takes the place of what is still to come."""
    world, interaction = asked.world, _find(asked)
    if interaction.type == TYPED:
        raise DiscordError(10015)
    if interaction.user_install_only and len(interaction.follow_ups) >= _FOLLOW_UPS:
        raise DiscordError(40094)
    original = interaction.original
    if original and original.flags & LOADING and not original.deleted:
        flags = asked.json.get("flags") or 0
        if flags & EPHEMERAL and not original.flags & EPHEMERAL:
            world.violated("ephemeral_ignored", asked.where, "the defer has fixed that everybody sees it")
        asked.body = {**asked.json, "flags": flags & ~EPHEMERAL}
        change(asked, original, "webhook_edit")
        interaction.follow_ups.append(original)
        return world.shown(original)
    message = _said(asked, interaction)
    interaction.follow_ups.append(message)
    return world.shown(message)


@route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", exempt=True)
def get(asked: Asked) -> Json:
    return asked.world.shown(_find_message(asked)[1])


@route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", exempt=True)
def edit(asked: Asked) -> Json:
    _, message = _find_message(asked)
    change(asked, message, "webhook_edit")
    return asked.world.shown(message)


@route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", exempt=True)
def delete(asked: Asked) -> Any:
    _, message = _find_message(asked)
    if message.ephemeral_to:
        message.deleted = True
        message.channel.ephemerals.remove(message)
        asked.world.change()
    else:
        remove(asked.world, message)
    return NOTHING
