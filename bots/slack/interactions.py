"""Pure: what a command, a shortcut, a click or a form is; or why it is nothing to us.

Slack lets only members of the workspace that installed the app use its commands and shortcuts; buttons can be clicked,
and what they open filled in, by people of every organisation in the channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bots.fields import items, mapping, text
from bots.slack import installed as installations
from bots.slack.fields import identifier, stamp
from bots.slack.ignored import Ignored, Reason
from bots.slack.installed import Installed
from bots.slack.reference import Invocation, Reference, files_of
from bots.slack.text import readable
from bots.slack.words import words
from core.conversation.values import Asker, ChannelRef, ThreadRef

_CHOICES = ("selected_user", "selected_channel", "selected_conversation", "selected_date", "selected_time")
_SEVERAL = ("selected_users", "selected_channels", "selected_conversations")

_Fields: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Commanded:
    """A slash command. `text` is what stands after it, as people read it, without blanks around it.

    `trigger_id` is good once and for three seconds; `response_url` five times and for 30 minutes.
    """

    text: str
    channel: ChannelRef
    asker: Asker
    response_url: str = field(repr=False)
    trigger_id: str = field(repr=False)
    reference: Reference
    installed: Installed


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut used on a message. `thread` is the one the message stands in; what it says is in the reference."""

    callback_id: str
    thread: ThreadRef
    asker: Asker
    response_url: str = field(repr=False)
    trigger_id: str = field(repr=False)
    reference: Reference
    installed: Installed

    @property
    def empty(self) -> bool:
        """Whether the message holds nothing to ask about."""
        command = self.reference.command
        return not self.reference.files and (command is None or not command.about_text)


@dataclass(frozen=True, slots=True)
class Clicked:
    """A button or another element was used, on a post or in a view.

    On a post `channel`, `message_id` and `thread` are known (the post's own thread where it stands in no other).
    `value` is the chosen one, the first of several.
    """

    action_id: str
    value: str
    asker: Asker
    channel: ChannelRef | None
    message_id: str | None
    thread: ThreadRef | None
    ephemeral: bool
    response_url: str = field(repr=False)
    trigger_id: str = field(repr=False)
    reference: Reference
    installed: Installed


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form was sent. `values` holds what was typed or chosen, by the block's id."""

    callback_id: str
    values: Mapping[str, tuple[str, ...]]
    private_metadata: str
    view_id: str
    asker: Asker
    trigger_id: str = field(repr=False)
    reference: Reference
    installed: Installed

    def value(self, block_id: str) -> str:
        """What stands in a block with one value; "" where it was left empty."""
        return next(iter(self.values.get(block_id, ())), "")


Interaction: TypeAlias = Shortcut | Clicked | Submitted | Ignored


def of_command(form: _Fields) -> Commanded | Ignored:
    """What a slash command is. Never raises, whatever the fields hold."""
    installed = installations.of_form(form)
    if not installed.team_id:
        return Ignored(Reason.NO_WORKSPACE)
    channel, user, words = installed.channel(form.get("channel_id")), identifier(form.get("user_id")), form.get("text")
    if not channel or not user or not isinstance(words, str | None):
        return Ignored(Reason.MALFORMED)
    response_url = _text(form, "response_url")
    return Commanded(
        readable(text(words) or ""),
        channel,
        Asker(user),
        response_url,
        _text(form, "trigger_id"),
        Reference(installed.team_id, installed.enterprise_id, foreign=False, command=Invocation(response_url)),
        installed,
    )


def of_interaction(payload: _Fields) -> Interaction:
    """What an interaction is. Never raises, whatever the fields hold."""
    kind, installed = payload.get("type"), installations.of_interaction(payload)
    reading = _READINGS.get(kind) if isinstance(kind, str) else None
    if not reading:
        return Ignored(Reason.UNUSED if isinstance(kind, str) else Reason.MALFORMED)
    if not installed.team_id:
        return Ignored(Reason.NO_WORKSPACE)
    user = identifier(mapping(payload.get("user")).get("id"))
    return (reading(payload, installed, Asker(user)) if user else None) or Ignored(Reason.MALFORMED)


def _shortcut(payload: _Fields, installed: Installed, asker: Asker) -> Interaction | None:
    message = mapping(payload.get("message"))
    channel = installed.channel(mapping(payload.get("channel")).get("id"))
    ts = stamp(message.get("ts")) or stamp(payload.get("message_ts"))
    if not channel or not ts:
        return None
    root, response_url = stamp(message.get("thread_ts")) or ts, _text(payload, "response_url")
    team = identifier(mapping(payload.get("user")).get("team_id"))
    files, left_out = files_of(message.get("files"))
    return Shortcut(
        _text(payload, "callback_id"),
        ThreadRef(channel, root),
        asker,
        response_url,
        _text(payload, "trigger_id"),
        Reference(
            team or installed.team_id,
            installed.enterprise_id,
            installed.foreign([team]) if team else False,
            in_thread=root != ts,
            files=files,
            left_out=left_out,
            command=Invocation(response_url, words(message)),
        ),
        installed,
    )


def _clicked(payload: _Fields, installed: Installed, asker: Asker) -> Interaction | None:
    action = mapping(next(iter(items(payload.get("actions"))), None))
    container, message = (mapping(payload.get(part)) for part in ("container", "message"))
    action_id = text(action.get("action_id"))
    if not action_id:
        return None
    channel = installed.channel(mapping(payload.get("channel")).get("id") or container.get("channel_id"))
    ts = text(container.get("message_ts")) or text(message.get("ts"))
    root = text(container.get("thread_ts")) or text(message.get("thread_ts")) or ts
    return Clicked(
        action_id,
        next(iter(_values(action)), ""),
        asker,
        channel,
        ts,
        ThreadRef(channel, root) if channel and root else None,
        container.get("is_ephemeral") is True,
        _text(payload, "response_url"),
        _text(payload, "trigger_id"),
        _person(payload, installed),
        installed,
    )


def _submitted(payload: _Fields, installed: Installed, asker: Asker) -> Interaction | None:
    view = mapping(payload.get("view"))
    callback_id = text(view.get("callback_id"))
    if callback_id is None:
        return None
    state = mapping(mapping(view.get("state")).get("values"))
    values = {
        str(block_id): tuple(value for element in mapping(elements).values() for value in _values(mapping(element)))
        for block_id, elements in state.items()
    }
    return Submitted(
        callback_id,
        values,
        _text(view, "private_metadata"),
        _text(view, "id"),
        asker,
        _text(payload, "trigger_id"),
        _person(payload, installed),
        installed,
    )


def _person(payload: _Fields, installed: Installed) -> Reference:
    """Whose organisation the one who clicks belongs to.

    Where only the person's own team told us the workspace, nothing tells whether it is ours.
    """
    team = identifier(mapping(payload.get("user")).get("team_id"))
    foreign = installed.foreign([team]) if installations.names_workspace(payload) else None
    return Reference(team, installed.enterprise_id, foreign)


def _values(element: _Fields) -> tuple[str, ...]:
    """What was typed into an element or chosen in it. Buttons carry their value as typed text does."""
    several = [mapping(option).get("value") for option in items(element.get("selected_options"))]
    chosen = [mapping(element.get("selected_option")).get("value"), *(element.get(key) for key in _CHOICES)]
    listed = [value for key in _SEVERAL for value in items(element.get(key))]
    given = map(text, [element.get("value"), *chosen, *several, *listed])
    return tuple(value for value in given if value is not None)


def _text(fields: _Fields, key: str) -> str:
    return text(fields.get(key)) or ""


_READINGS = {
    "message_action": _shortcut,
    "block_actions": _clicked,
    "view_submission": _submitted,
}
