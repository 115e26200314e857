"""Block Kit's pieces as documented: text objects, options and the elements inside blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.slack_errors import SlackError

Check = Callable[[Any], None]


def refuse(why: str) -> SlackError:
    return SlackError("invalid_blocks", why, errors=[why])


def string(most: int, least: int = 1) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str) or not least <= len(value) <= most:
            what = f"{len(value)} characters" if isinstance(value, str) else repr(value)
            raise refuse(f"a string of {least} to {most} characters is needed, got {what}")

    return check


def flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise refuse(f"true or false is needed, got {value!r}")


def _number(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise refuse(f"a whole number is needed, got {value!r}")


def one_of(*values: str) -> Check:
    def check(value: Any) -> None:
        if value not in values:
            raise refuse(f"one of {values} is needed, got {value!r}")

    return check


def text(most: int, *types: str) -> Check:
    def check(value: Any) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in (types or ("plain_text", "mrkdwn")):
            raise refuse(f"a text object of {types or 'any type'} is needed, got {value!r:.80}")
        fields(
            value,
            {
                "type!": one_of(str(kind)),
                "text!": string(most),
                ("emoji" if kind == "plain_text" else "verbatim"): flag,
            },
        )

    return check


def plain(most: int) -> Check:
    return text(most, "plain_text")


def several(item: Check, most: int, least: int = 1) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise refuse(
                f"a list of {least} to {most} is needed, got {len(value) if isinstance(value, list) else value!r}"
            )
        for each in value:
            item(each)

    return check


def _object(**wanted: Check) -> Check:
    return lambda value: fields(value, {name.replace("__", "!"): check for name, check in wanted.items()})


def fields(value: Any, wanted: dict[str, Check]) -> None:
    if not isinstance(value, dict):
        raise refuse(f"an object is needed, got {value!r:.80}")
    known = {name.rstrip("!"): check for name, check in wanted.items()}
    if unknown := value.keys() - known.keys():
        raise refuse(f"{value.get('type', 'object')}: unknown fields {sorted(unknown)}")
    if missing := {name[:-1] for name in wanted if name.endswith("!")} - value.keys():
        raise refuse(f"{value.get('type', 'object')}: missing fields {sorted(missing)}")
    for name, check in known.items():
        if name in value:
            try:
                check(value[name])
            except SlackError as error:
                raise refuse(f"{value.get('type', 'object')}.{name}: {error.detail}") from None


def anything(value: Any) -> None:
    pass


def typed(kinds: dict[str, dict[str, Check]], only: tuple[str, ...] = ()) -> Check:
    def check(value: Any) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in kinds or (only and kind not in only):
            raise refuse(f"unsupported type {kind!r}")
        fields(value, {"type!": anything, **kinds[str(kind)]})

    return check


_CONFIRM = _object(
    title__=plain(100), text__=text(300), confirm__=plain(30), deny__=plain(30), style=one_of("primary", "danger")
)
ID = string(255)
_OPTION = _object(text__=text(75), value__=string(150), description=text(75), url=string(3000))
_GROUP = _object(label__=plain(75), options__=several(_OPTION, 100))
_PICK: dict[str, Check] = {"action_id!": ID, "placeholder": plain(150), "confirm": _CONFIRM, "focus_on_load": flag}
_STATIC: dict[str, Check] = {**_PICK, "options": several(_OPTION, 100), "option_groups": several(_GROUP, 100)}
_CONVERSATION: dict[str, Check] = {
    **_PICK,
    "initial_conversation": ID,
    "default_to_current_conversation": flag,
    "response_url_enabled": flag,
    "filter": anything,
}
_TYPED: dict[str, Check] = {
    "action_id!": ID,
    "placeholder": plain(150),
    "focus_on_load": flag,
    "dispatch_action_config": anything,
}
_FEEDBACK = _object(text__=plain(75), value__=string(2000), accessibility_label=string(75))

ELEMENTS: dict[str, dict[str, Check]] = {
    "button": {
        "action_id!": ID,
        "text!": plain(75),
        "value": string(2000),
        "url": string(3000),
        "style": one_of("primary", "danger"),
        "confirm": _CONFIRM,
        "accessibility_label": string(75),
    },
    "static_select": {**_STATIC, "initial_option": _OPTION},
    "multi_static_select": {**_STATIC, "initial_options": several(_OPTION, 100), "max_selected_items": _number},
    "external_select": {**_PICK, "initial_option": _OPTION, "min_query_length": _number},
    "users_select": {**_PICK, "initial_user": ID},
    "multi_users_select": {**_PICK, "initial_users": several(ID, 100), "max_selected_items": _number},
    "conversations_select": _CONVERSATION,
    "multi_conversations_select": {
        **_PICK,
        "initial_conversations": several(ID, 100),
        "max_selected_items": _number,
        "filter": anything,
    },
    "channels_select": {**_PICK, "initial_channel": ID, "response_url_enabled": flag},
    "overflow": {"action_id!": ID, "options!": several(_OPTION, 5), "confirm": _CONFIRM},
    "radio_buttons": {
        "action_id!": ID,
        "options!": several(_OPTION, 10),
        "initial_option": _OPTION,
        "confirm": _CONFIRM,
        "focus_on_load": flag,
    },
    "checkboxes": {
        "action_id!": ID,
        "options!": several(_OPTION, 10),
        "initial_options": several(_OPTION, 10),
        "confirm": _CONFIRM,
        "focus_on_load": flag,
    },
    "plain_text_input": {
        **_TYPED,
        "initial_value": string(3000),
        "multiline": flag,
        "min_length": _number,
        "max_length": _number,
    },
    "url_text_input": {**_TYPED, "initial_value": string(3000)},
    "email_text_input": {**_TYPED, "initial_value": string(3000)},
    "number_input": {
        **_TYPED,
        "is_decimal_allowed!": flag,
        "initial_value": string(50),
        "min_value": string(50),
        "max_value": string(50),
    },
    "datepicker": {**_PICK, "initial_date": string(10)},
    "feedback_buttons": {"action_id!": ID, "positive_button!": _FEEDBACK, "negative_button!": _FEEDBACK},
    "icon_button": {
        "action_id!": ID,
        "icon!": one_of("trash"),
        "text!": plain(75),
        "value": string(2000),
        "visible_to_user_ids": several(ID, 10),
        "confirm": _CONFIRM,
        "accessibility_label": string(75),
    },
    "image": {"image_url!": string(3000), "alt_text!": string(2000)},
    "mrkdwn": {"text!": string(3000), "verbatim": flag},
    "plain_text": {"text!": string(3000), "emoji": flag},
}
_SELECTS = tuple(name for name in ELEMENTS if name.endswith("_select"))
CHOICES = (*_SELECTS, "radio_buttons", "checkboxes", "datepicker")
INPUTS = tuple(name for name in ELEMENTS if name.endswith("_input")) + CHOICES
