"""Pure: the forms of Discord's modals, and what was entered into them.

A form carries nothing but a ticket: what it is about is kept on our side, and checked again when it is sent. What it
shows is filled in with `typed`, by field. Limits: https://docs.discord.com/developers/components/reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bots.discord.interactions import FORM, Submitted
from bots.discord.manifest import LONGEST_ALIAS, LONGEST_QUESTION, LONGEST_REPOSITORY
from core.channels import replies
from core.channels.preferences import LONGEST_INSTRUCTIONS, LONGEST_MODEL, ChannelPreferences
from core.conversation.followup import FollowUps
from core.secret import Secret, repeats
from core.wording import code

Modal = Mapping[str, object]
Typed = Mapping[str, str]
_Component = Mapping[str, object]

# what a form is
MAP_FORM, TOKEN_FORM, SETTINGS_FORM, DEFAULT_FORM, ASK_FORM = "map", "token", "settings", "default", "ask"

# what a field is
REPOSITORY, ALIAS, TOKEN, LABEL, QUESTION = "repository", "alias", "token", "label", "question"
FOLLOW_UPS, MODEL, INSTRUCTIONS, DEFAULT = "follow_ups", "model", "instructions", "default"

_LONGEST_TOKEN = 4_000  # the most a field takes
_LONGEST_LABEL = 60
_MODES = {
    FollowUps.SMART: "Smart: until others talk there too",
    FollowUps.ALWAYS: "Always, unless it mentions somebody else",
    FollowUps.MENTION: "Only what mentions me",
}
_TEXT_INPUT, _SELECT, _WORDS, _LABELLED = 4, 3, 10, 18  # types of components
_SHORT, _PARAGRAPH = 1, 2  # styles of a text input


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was entered as a channel's settings. `default` is None where the form did not ask for it, "" for none."""

    follow_ups: FollowUps | None
    model: str
    instructions: str
    default: str | None


def map_form(ticket: str, typed: Typed) -> Modal:
    """Map a repository to the channel the form was opened in."""
    alias = _line(ALIAS, typed, most=LONGEST_ALIAS, placeholder="web", required=False)
    return _modal(
        "Map a repository",
        MAP_FORM,
        ticket,
        _words("Questions in this channel will be about this repository."),
        _labelled("Repository", _repository(REPOSITORY, typed)),
        _labelled("Alias", alias, "A short name for “in:web …” at the start of a question. Useful with several."),
    )


def token_form(ticket: str, typed: Typed, *, whose: str, repository: str, pasted: bool) -> Modal:
    """Enter a token where there is no page for it. `pasted`: one was written where none belongs."""
    words = (
        f"The token of {whose}. It is tried on {code(repository)}.\n\n"
        "**Discord does not hide what you type here**: nobody should look over your shoulder. It goes through Discord "
        "to this bot, is tried with one call, and stored encrypted. It is never shown again."
    )
    label = _line(LABEL, typed, most=_LONGEST_LABEL, required=False)
    return _modal(
        "Enter a token",
        TOKEN_FORM,
        ticket,
        _words(f"{replies.token_pasted()}\n\n{words}" if pasted else words),
        _labelled("Token", _line(TOKEN, {}, most=_LONGEST_TOKEN)),
        _labelled("Label", label, "What you will know it by. Not the token itself."),
    )


def settings_form(ticket: str, typed: Typed) -> Modal:
    """A channel's settings; the server's default repository too, where something stands in `typed` for it."""
    usual = [_usual(typed)] if DEFAULT in typed else []
    model = _line(MODEL, typed, most=LONGEST_MODEL, required=False)
    instructions = _line(INSTRUCTIONS, typed, most=LONGEST_INSTRUCTIONS, required=False, long=True)
    return _modal(
        "Settings of this channel",
        SETTINGS_FORM,
        ticket,
        _labelled("Which replies in my threads are answered", _modes(typed)),
        _labelled("Model", model, "Leave it empty for the usual one."),
        _labelled("Instructions", instructions, "What every answer here should keep to, such as language or length."),
        *usual,
    )


def default_form(ticket: str, typed: Typed) -> Modal:
    """The server's default repository alone."""
    return _modal("Default repository", DEFAULT_FORM, ticket, _usual(typed))


def ask_form(ticket: str, typed: Typed) -> Modal:
    """Ask about a message."""
    question = _line(QUESTION, {QUESTION: "Explain this message"} | dict(typed), most=LONGEST_QUESTION, long=True)
    return _modal(
        "Ask about this message",
        ASK_FORM,
        ticket,
        _labelled("Your question", question),
        _words("Question and answer are shown in the message's thread, for everybody there."),
    )


def typed_of(now: ChannelPreferences, default: str | None) -> Typed:
    """What a settings form shows of what holds now; `default` is None for those who may not set it."""
    shown = {FOLLOW_UPS: now.follow_ups.value, MODEL: now.model or "", INSTRUCTIONS: now.instructions or ""}
    return shown if default is None else {**shown, DEFAULT: default}


def typed_in(submitted: Submitted) -> Typed:
    """What is shown again when a form has to be opened once more: everything but a token, wherever it was typed."""
    token = submitted.value(TOKEN).strip()
    told = {name: submitted.value(name) for name in submitted.values}
    return {name: value for name, value in told.items() if not token or not repeats(value, Secret(token))}


def settings_of(submitted: Submitted) -> Wanted:
    """What was entered into a settings form."""
    mode = submitted.value(FOLLOW_UPS)
    return Wanted(
        follow_ups=FollowUps(mode) if mode in set(FollowUps) else None,
        model=submitted.value(MODEL),
        instructions=submitted.value(INSTRUCTIONS),
        default=submitted.value(DEFAULT).strip() if DEFAULT in submitted.values else None,
    )


def _modal(title: str, form: str, ticket: str, *components: _Component) -> Modal:
    return {"custom_id": f"{FORM}:{form}:{ticket}", "title": title, "components": list(components)}


def _words(words: str) -> _Component:
    return {"type": _WORDS, "content": words}


def _labelled(label: str, component: _Component, description: str | None = None) -> _Component:
    shown: dict[str, object] = {"type": _LABELLED, "label": label, "component": component}
    return shown if description is None else {**shown, "description": description}


def _line(
    name: str, typed: Typed, *, most: int, placeholder: str | None = None, required: bool = True, long: bool = False
) -> _Component:
    value = typed.get(name, "")[:most]
    return {
        "type": _TEXT_INPUT,
        "custom_id": name,
        "style": _PARAGRAPH if long else _SHORT,
        "max_length": most,
        "required": required,
        **({"value": value} if value else {}),
        **({"placeholder": placeholder} if placeholder else {}),
    }


def _repository(name: str, typed: Typed, *, required: bool = True) -> _Component:
    hint = "owner/name, or the address of its page"
    return _line(name, typed, most=LONGEST_REPOSITORY, placeholder=hint, required=required)


def _usual(typed: Typed) -> _Component:
    words = "For direct messages, and channels without a mapping. Leave it empty for none."
    return _labelled("Default repository of the server", _repository(DEFAULT, typed, required=False), words)


def _modes(typed: Typed) -> _Component:
    chosen = typed.get(FOLLOW_UPS)
    options = [{"label": said, "value": mode.value, "default": mode.value == chosen} for mode, said in _MODES.items()]
    return {"type": _SELECT, "custom_id": FOLLOW_UPS, "options": options, "required": True}
