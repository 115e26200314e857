"""Pure: the forms of Slack's modals, and what was entered into them.

A form carries nothing but a ticket: what it is about is kept on our side, and checked again when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bots.slack.blocks import plain_text
from bots.slack.interactions import Submitted
from bots.slack.mrkdwn import section
from core.channels.preferences import LONGEST_INSTRUCTIONS, ChannelPreferences
from core.conversation.followup import FollowUps

View = Mapping[str, object]
_Block = Mapping[str, object]

# what a form is, as its callback_id
MAP_FORM, TOKEN_FORM, SETTINGS_FORM, DEFAULT_FORM, ASK_FORM = "map", "token", "settings", "default", "ask"

# what a field is, as the ids of its block and its element
REPOSITORY, ALIAS, TOKEN, LABEL, QUESTION = "repository", "alias", "token", "label", "question"
FOLLOW_UPS, GUESTS, OUTSIDERS, MODEL, INSTRUCTIONS, DEFAULT = (
    "follow_ups",
    "guests",
    "outsiders",
    "model",
    "instructions",
    "default",
)

ALLOWED = "allowed"  # the value of a box that is ticked
LONGEST_QUESTION = 3_000
_LONGEST_TOKEN = 3_000  # the most a field takes
_MODES = {
    FollowUps.SMART: "Smart: until others talk there too",
    FollowUps.ALWAYS: "Always, unless it mentions somebody else",
    FollowUps.MENTION: "Only what mentions me",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was entered as a channel's settings. `default` is None where the form did not ask for it, "" for none."""

    follow_ups: FollowUps | None
    guests: bool
    outsiders: bool
    model: str
    instructions: str
    default: str | None


def loading(title: str) -> View:
    """Shown at once, until the form can be."""
    return _modal(title, [section("One moment…")])


def told(title: str, words: str) -> View:
    """Instead of a form: why there is none."""
    return _modal(title, [section(words)])


def map_form(ticket: str) -> View:
    """Map a repository to the channel the form was opened in."""
    return _modal(
        "Map a repository",
        [
            section("Questions in this channel will be about this repository."),
            _input(
                REPOSITORY,
                "Repository",
                _line(REPOSITORY, "", placeholder="owner/name, or the address of its page"),
            ),
            _input(
                ALIAS,
                "Alias",
                _line(ALIAS, "", most=32, placeholder="web"),
                hint="A short name for “in:web …” at the start of a question. Useful with several repositories.",
                optional=True,
            ),
        ],
        submit="Map it",
        form=MAP_FORM,
        ticket=ticket,
    )


def token_form(ticket: str, *, whose: str, repository: str) -> View:
    """Enter a token where there is no page for it."""
    warning = (
        "**Slack does not hide what you type here**: nobody should look over your shoulder. It goes through Slack to "
        "this bot, is tried with one call, and stored encrypted. It is never shown again."
    )
    return _modal(
        "Enter a token",
        [
            section(f"The token of {whose}. It is tried on {repository}."),
            section(warning),
            _input(TOKEN, "Token", _line(TOKEN, "", most=_LONGEST_TOKEN)),
            _input(
                LABEL,
                "Label",
                _line(LABEL, "", most=60),
                hint="What you will know it by. Not the token itself.",
                optional=True,
            ),
        ],
        submit="Save",
        form=TOKEN_FORM,
        ticket=ticket,
    )


def settings_form(ticket: str, now: ChannelPreferences, *, default: str | None) -> View:
    """A channel's settings. `default` is the workspace's default repository, None for those who may not set it."""
    blocks = [
        _input(FOLLOW_UPS, "Which replies in my threads are answered", _select(FOLLOW_UPS, _MODES, now.follow_ups)),
        _box(GUESTS, "Guests", "May ask here", now.guests),
        _box(
            OUTSIDERS,
            "People of other organisations",
            "May ask here",
            now.outsiders,
            hint="Careful: they get answers about your code. This concerns channels shared with other organisations.",
        ),
        _input(
            MODEL,
            "Model",
            _line(MODEL, now.model or "", most=100),
            hint="Leave it empty for the usual one.",
            optional=True,
        ),
        _input(
            INSTRUCTIONS,
            "Instructions",
            _line(INSTRUCTIONS, now.instructions or "", most=LONGEST_INSTRUCTIONS, multiline=True),
            hint="What every answer in this channel should keep to, such as its language or its length.",
            optional=True,
        ),
    ]
    blocks += [] if default is None else [_default(default)]
    return _modal("Settings of this channel", blocks, submit="Save", form=SETTINGS_FORM, ticket=ticket)


def default_form(ticket: str, default: str) -> View:
    """The workspace's default repository alone; "" for none."""
    return _modal("Default repository", [_default(default)], submit="Save", form=DEFAULT_FORM, ticket=ticket)


def ask_form(ticket: str) -> View:
    """Ask about a message."""
    question = _line(QUESTION, "Explain this message", most=LONGEST_QUESTION, multiline=True)
    words = "Question and answer are shown in the message's thread, for everybody there."
    return _modal(
        "Ask about this message",
        [_input(QUESTION, "Your question", question), section(words)],
        submit="Ask",
        form=ASK_FORM,
        ticket=ticket,
    )


def settings_of(submitted: Submitted) -> Wanted:
    """What was entered into a settings form."""
    mode = submitted.value(FOLLOW_UPS)
    return Wanted(
        follow_ups=FollowUps(mode) if mode in set(FollowUps) else None,
        guests=submitted.value(GUESTS) == ALLOWED,
        outsiders=submitted.value(OUTSIDERS) == ALLOWED,
        model=submitted.value(MODEL),
        instructions=submitted.value(INSTRUCTIONS),
        default=submitted.value(DEFAULT).strip() if DEFAULT in submitted.values else None,
    )


def _modal(
    title: str, blocks: Sequence[_Block], *, submit: str | None = None, form: str | None = None, ticket: str = ""
) -> View:
    shown: dict[str, object] = {
        "type": "modal",
        "title": plain_text(title),
        "close": plain_text("Close"),
        "blocks": [*blocks],
    }
    if submit is not None and form is not None:
        shown |= {
            "submit": plain_text(submit),
            "close": plain_text("Cancel"),
            "callback_id": form,
            "private_metadata": ticket,
        }
    return shown


def _default(default: str) -> _Block:
    return _input(
        DEFAULT,
        "Default repository of the workspace",
        _line(DEFAULT, default, placeholder="owner/name"),
        hint="For direct messages, and channels without a mapping. Leave it empty for none.",
        optional=True,
    )


def _input(
    name: str, label: str, element: Mapping[str, object], *, hint: str | None = None, optional: bool = False
) -> _Block:
    shown: dict[str, object] = {"type": "input", "block_id": name, "label": plain_text(label), "element": element}
    if hint is not None:
        shown["hint"] = plain_text(hint)
    return {**shown, "optional": True} if optional else shown


def _line(
    name: str, value: str, *, most: int = 300, multiline: bool = False, placeholder: str | None = None
) -> Mapping[str, object]:
    shown: dict[str, object] = {"type": "plain_text_input", "action_id": name, "max_length": most}
    if multiline:
        shown["multiline"] = True
    if value:
        shown["initial_value"] = value[:most]
    if placeholder is not None:
        shown["placeholder"] = plain_text(placeholder)
    return shown


def _select(name: str, choices: Mapping[FollowUps, str], chosen: FollowUps) -> Mapping[str, object]:
    options = {value: {"text": plain_text(words), "value": value.value} for value, words in choices.items()}
    return {
        "type": "static_select",
        "action_id": name,
        "options": list(options.values()),
        "initial_option": options[chosen],
    }


def _box(name: str, label: str, words: str, ticked: bool, *, hint: str | None = None) -> _Block:
    option = {"text": plain_text(words), "value": ALLOWED}
    element: dict[str, object] = {"type": "checkboxes", "action_id": name, "options": [option]}
    if ticked:
        element["initial_options"] = [option]
    return _input(name, label, element, hint=hint, optional=True)
