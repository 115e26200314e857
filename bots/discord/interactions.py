"""Pure: what a command, a click or a form is; or why it is refused, or nothing to us.

Only what a server that added the bot sends, or a direct message with the bot, is served. An app that people install
for themselves can be used anywhere, with the same commands: such interactions are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from bots.discord.bot import Bot
from bots.discord.fields import moment, number, snowflake
from bots.discord.harmless import EPHEMERAL
from bots.discord.ignored import Ignored, Reason
from bots.discord.posts import THREADS, Spot
from bots.fields import items, mapping, text
from core.conversation.values import Asker, ChannelRef, ThreadRef, WorkspaceRef

NOT_ADDED = (
    "I answer only in servers that added me, and in direct messages with me. Have an admin add me to this server."
)
NOT_PRIVATE = "I answer only in servers that added me, and in direct messages with me."

FORM = "form"  # begins the custom_id of our forms: `form:<kind>:<ticket>`

_COMMAND, _COMPONENT, _AUTOCOMPLETE, _MODAL = 2, 3, 4, 5  # types of interactions
_SLASH, _ON_MESSAGE = 1, 3  # types of commands
_GUILD, _DIRECT = 0, 1  # contexts
_DEEPEST = 4  # of components in components; Discord has two levels

_Fields: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Handle:
    """How an interaction is answered: first of all within 3 seconds of `at`, then by its token for 15 minutes."""

    interaction_id: str
    application_id: str
    token: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Sender:
    """Who did something, and where. `permissions` are the person's own in there.

    A direct message belongs to no server, until one is found for it.
    """

    handle: Handle
    asker: Asker
    spot: Spot
    permissions: int = 0

    @property
    def workspace(self) -> WorkspaceRef:
        """The server it was done in, or was found for a direct message."""
        return WorkspaceRef("discord", self.spot.guild_id)

    @property
    def channel(self) -> ChannelRef:
        """The channel it was done in; of a thread, its parent."""
        return ChannelRef("discord", self.spot.guild_id, self.spot.parent_id or self.spot.channel_id)

    @property
    def thread(self) -> ThreadRef | None:
        """The conversation it was done in; None in a channel, where each has a thread of its own."""
        return ThreadRef(self.channel, self.spot.channel_id) if self.spot.within else None

    def under(self, guild_id: str) -> Sender:
        """The same, under the server that a direct message is for."""
        return replace(self, spot=replace(self.spot, guild_id=guild_id))


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command was used. `options` are those that were filled in."""

    name: str
    options: Mapping[str, str | bool]
    sender: Sender

    def option(self, name: str) -> str:
        """What was filled in, without blanks around it; "" where nothing was."""
        value = self.options.get(name)
        return value.strip() if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A command was used on a message. `message` is the message as Discord describes it."""

    name: str
    message_id: str
    message: _Fields = field(repr=False)
    sender: Sender


@dataclass(frozen=True, slots=True)
class Clicked:
    """A button was pressed. `value`, what its custom_id names, is a hint. `ephemeral`: of its message."""

    action: str
    value: str
    ephemeral: bool
    sender: Sender


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form was sent. `values` holds what was typed or chosen, by the field's custom_id.

    `ephemeral`: of the message whose button had opened it.
    """

    form: str
    ticket: str = field(repr=False)
    values: Mapping[str, tuple[str, ...]] = field(repr=False)
    ephemeral: bool
    sender: Sender

    def value(self, name: str) -> str:
        """What stands in a field with one value; "" where it was left empty."""
        return next(iter(self.values.get(name, ())), "")


@dataclass(frozen=True, slots=True)
class Completing:
    """Somebody types into an option of a command, and is to be shown what would fit."""

    name: str
    option: str
    typed: str
    sender: Sender


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not to be served, as its sender is told. `completing`: they only type yet, and are told nothing."""

    handle: Handle
    words: str
    completing: bool = False


Interaction: TypeAlias = Commanded | Shortcut | Clicked | Submitted | Completing | Refused | Ignored


def of_interaction(payload: _Fields, bot: Bot) -> Interaction:
    """What an interaction is. Never raises, whatever the fields hold."""
    kind = number(payload.get("type"))
    reading = _READINGS.get(kind or 0)
    if reading is None:
        return Ignored(Reason.MALFORMED if kind is None else Reason.UNUSED)
    handle = _handle(payload)
    if handle is None or handle.application_id != bot.application_id:
        return Ignored(Reason.MALFORMED)
    refusal = _refusal(payload)
    if refusal:
        return Refused(handle, refusal, completing=kind == _AUTOCOMPLETE)
    sender = _sender(payload, handle)
    if isinstance(sender, Ignored):
        return sender
    return reading(payload, mapping(payload.get("data")), sender) or Ignored(Reason.MALFORMED)


def _handle(payload: _Fields) -> Handle | None:
    interaction, application = snowflake(payload.get("id")), snowflake(payload.get("application_id"))
    token = text(payload.get("token"))
    return (
        Handle(interaction, application, token, moment(interaction)) if interaction and application and token else None
    )


def _refusal(payload: _Fields) -> str:
    """Why it is not served where it comes from; "" where it is. What is not known is refused."""
    context, guild = number(payload.get("context")), payload.get("guild_id")
    installed_by = mapping(payload.get("authorizing_integration_owners")).get("0")
    if context == _GUILD:
        return "" if installed_by is not None and installed_by == guild else NOT_ADDED
    if context == _DIRECT and guild is None:
        return "" if installed_by is not None else NOT_PRIVATE
    return NOT_PRIVATE


def _sender(payload: _Fields, handle: Handle) -> Sender | Ignored:
    """Who did it, and where; `_refusal` has nothing against it."""
    direct = number(payload.get("context")) == _DIRECT
    member, channel = mapping(payload.get("member")), mapping(payload.get("channel"))
    user = mapping(payload.get("user") if direct else member.get("user"))
    user_id, spot = snowflake(user.get("id")), _spot(channel, "" if direct else snowflake(payload.get("guild_id")))
    if not user_id or spot is None or spot.direct is not direct:
        return Ignored(Reason.MALFORMED)
    if user.get("bot") is True:
        return Ignored(Reason.BOT)
    name = text(member.get("nick")) or text(user.get("global_name")) or text(user.get("username")) or ""
    return Sender(handle, Asker(user_id, name), spot, _bits(member.get("permissions")))


def _spot(channel: _Fields, guild_id: str | None) -> Spot | None:
    place, kind = snowflake(channel.get("id")), number(channel.get("type"))
    parent = (snowflake(channel.get("parent_id")) or "") if kind in THREADS else ""  # a category is no channel
    spot = Spot(guild_id or "", place or "", kind, parent)
    return spot if place and guild_id is not None and spot.known else None


def _bits(value: object) -> int:
    """Permissions, which come as a decimal number in a string."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 30 else 0


def _commanded(_: _Fields, data: _Fields, sender: Sender) -> Interaction | None:
    name, kind = text(data.get("name")), number(data.get("type"))
    if not name:
        return None
    if kind == _ON_MESSAGE:
        target = snowflake(data.get("target_id"))
        messages = mapping(mapping(data.get("resolved")).get("messages"))
        return Shortcut(name, target, mapping(messages.get(target)), sender) if target else None
    return Commanded(name, dict(_options(data)), sender) if kind == _SLASH else Ignored(Reason.UNUSED)


def _options(data: _Fields) -> Iterator[tuple[str, str | bool]]:
    for option in map(mapping, items(data.get("options"))):
        name, value = text(option.get("name")), option.get("value")
        filled = value if isinstance(value, bool) else text(value)
        if name and filled is not None:
            yield name, filled


def _completing(_: _Fields, data: _Fields, sender: Sender) -> Interaction | None:
    name = text(data.get("name"))
    focused = next((each for each in map(mapping, items(data.get("options"))) if each.get("focused") is True), {})
    option = text(focused.get("name"))
    return Completing(name, option, text(focused.get("value")) or "", sender) if name and option else None


def _clicked(payload: _Fields, data: _Fields, sender: Sender) -> Interaction | None:
    action, _, value = (text(data.get("custom_id")) or "").partition(":")
    return Clicked(action, value.partition(":")[0], _ephemeral(payload), sender) if action else None


def _submitted(payload: _Fields, data: _Fields, sender: Sender) -> Interaction | None:
    match (text(data.get("custom_id")) or "").split(":"):
        case [begin, form, ticket] if begin == FORM and form and ticket:
            return Submitted(form, ticket, dict(_entered(data, _DEEPEST)), _ephemeral(payload), sender)
        case _:
            return None


def _ephemeral(payload: _Fields) -> bool:
    """Whether only its sender sees the message that it came from."""
    return bool((number(mapping(payload.get("message")).get("flags")) or 0) & EPHEMERAL)


def _entered(component: _Fields, deepest: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The fields of a form, in the rows or under the labels they stand."""
    inner = [*items(component.get("components")), component.get("component")] if deepest else []
    for each in map(mapping, inner):
        name = text(each.get("custom_id"))
        if name:
            given = [each.get("value"), *items(each.get("values"))]
            yield name, tuple(value for value in map(text, given) if value is not None)
        yield from _entered(each, deepest - 1)


_READINGS = {_COMMAND: _commanded, _COMPONENT: _clicked, _AUTOCOMPLETE: _completing, _MODAL: _submitted}
