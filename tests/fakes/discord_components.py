"""The limits of components: action rows, buttons and selects of messages, labels and inputs of modals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.discord_errors import bad
from tests.fakes.discord_fields import Check, anything, below, flag, items, number, one_of, record, snowflake, text
from tests.fakes.discord_values import Json

ROW, BUTTON, SELECT, INPUT, TEXT_DISPLAY, CONTAINER, LABEL = 1, 2, 3, 4, 10, 17, 18
_LINK, _PREMIUM = 5, 6
_ID: dict[str, Check] = {"id": number(0, 2**31 - 1)}
_CUSTOM = text(100, 1)
_EMOJI = record({}, {"id": snowflake, "name": text(32), "animated": flag})
_OPTION = record(
    {"label": text(100, 1), "value": text(100, 1)}, {"description": text(100), "emoji": _EMOJI, "default": flag}
)
_BUTTON = record(
    {"type": one_of(BUTTON), "style": number(1, 6)},
    {**_ID, "custom_id": _CUSTOM, "label": text(80), "disabled": flag, "url": text(512, 1), "sku_id": snowflake,
     "emoji": _EMOJI},
)  # fmt: skip
_CHOOSING: dict[str, Check] = {
    **_ID, "placeholder": text(150), "min_values": number(0, 25), "max_values": number(1, 25), "disabled": flag,
    "required": flag,
}  # fmt: skip
_SELECT = record({"type": one_of(SELECT), "custom_id": _CUSTOM, "options": items(_OPTION, 25, 1)}, _CHOOSING)
_ENTITIES = record(
    {"type": one_of(5, 6, 7, 8), "custom_id": _CUSTOM},
    {**_CHOOSING, "default_values": items(anything, 25), "channel_types": items(number(0, 16), 20)},
)
_INPUT = record(
    {"type": one_of(INPUT), "custom_id": _CUSTOM, "style": one_of(1, 2)},
    {**_ID, "label": text(45, 1), "value": text(4_000), "placeholder": text(100), "required": flag,
     "min_length": number(0, 4_000), "max_length": number(1, 4_000)},
)  # fmt: skip
_UPLOAD = record(
    {"type": one_of(19), "custom_id": _CUSTOM},
    {**_ID, "min_values": number(0, 10), "max_values": number(1, 10), "required": flag},
)
_RADIO = record({"type": one_of(21), "custom_id": _CUSTOM, "options": items(_OPTION, 10, 2)}, {**_ID, "required": flag})
_CHECKBOXES = record(
    {"type": one_of(22), "custom_id": _CUSTOM, "options": items(_OPTION, 10, 1)},
    {**_ID, "min_values": number(0, 10), "max_values": number(1, 10), "required": flag},
)
_CHECKBOX = record({"type": one_of(23), "custom_id": _CUSTOM}, {**_ID, "default": flag})
_DISPLAY = record({"type": one_of(TEXT_DISPLAY), "content": text(4_000, 1)}, _ID)
_LABEL = record(
    {"type": one_of(LABEL), "label": text(45, 1), "component": anything}, {**_ID, "description": text(100, 1)}
)
_IN_LABEL = {
    SELECT: _SELECT, INPUT: _INPUT, 5: _ENTITIES, 6: _ENTITIES, 7: _ENTITIES, 8: _ENTITIES, 19: _UPLOAD, 21: _RADIO,
    22: _CHECKBOXES, 23: _CHECKBOX,
}  # fmt: skip
_SELECTS = {SELECT: _SELECT, 5: _ENTITIES, 6: _ENTITIES, 7: _ENTITIES, 8: _ENTITIES}


def check_components(components: Any, path: str, *, v2: bool) -> None:
    """Those of a message: at most 5 action rows; with Components V2 up to 40 components of more kinds."""
    items(anything, 40 if v2 else 5)(components, path)
    for at, each in enumerate(components):
        _check_top(each, below(path, at), v2=v2)
    found = list(walk(components))
    if len(found) > 40:
        raise bad(path, "The total number of components must not exceed 40.")
    if sum(len(each["content"]) for each in found if each["type"] == TEXT_DISPLAY) > 4_000:
        raise bad(path, "The texts must be 4000 or fewer in length.")
    _unique(found, path)


def _check_top(each: Any, path: str, *, v2: bool) -> None:
    kind = each.get("type") if isinstance(each, dict) else None
    if kind == ROW:
        _check_row(each, path)
    elif not v2:
        raise bad(below(path, "type"), "Value must be one of {1}.")
    elif kind == TEXT_DISPLAY:
        _DISPLAY(each, path)
    elif kind == CONTAINER:
        record(
            {"type": anything, "components": items(anything, 40, 1)}, {**_ID, "accent_color": anything, "spoiler": flag}
        )(each, path)
        for at, inner in enumerate(each["components"]):
            _check_top(inner, below(below(path, "components"), at), v2=True)
    elif kind not in {9, 12, 13, 14}:
        raise bad(below(path, "type"), "Value is not a component of a message.")


def _check_row(row: Json, path: str) -> None:
    record({"type": anything, "components": items(anything, 5, 1)}, _ID)(row, path)
    inside = below(path, "components")
    for at, each in enumerate(row["components"]):
        kind = each.get("type") if isinstance(each, dict) else None
        if kind == BUTTON:
            _check_button(each, below(inside, at))
        elif kind in _SELECTS:
            _SELECTS[kind](each, below(inside, at))
            if len(row["components"]) > 1:
                raise bad(inside, "A select fills its row.")
        else:
            raise bad(below(below(inside, at), "type"), "Value must be one of {2, 3, 5, 6, 7, 8}.")


def _check_button(button: Json, path: str) -> None:
    _BUTTON(button, path)
    wants = {_LINK: "url", _PREMIUM: "sku_id"}.get(button["style"], "custom_id")
    for name in ("url", "sku_id", "custom_id"):
        if (button.get(name) is not None) != (name == wants):
            raise bad(below(path, name), f"A button of style {button['style']} has {wants} and nothing else.")
    if not button.get("label") and not button.get("emoji") and button["style"] != _PREMIUM:
        raise bad(below(path, "label"), "A label or an emoji is required.")


def check_modal(data: Any) -> None:
    """The data of a modal: 1 to 5 labels, texts or (deprecated) rows with one text input."""
    record({"custom_id": _CUSTOM, "title": text(45, 1), "components": items(anything, 5, 1)})(data, "data")
    for at, each in enumerate(data["components"]):
        path = f"data.components.{at}"
        kind = each.get("type") if isinstance(each, dict) else None
        if kind == TEXT_DISPLAY:
            _DISPLAY(each, path)
        elif kind == ROW:
            record({"type": anything, "components": items(_INPUT, 1, 1)}, _ID)(each, path)
            text(45, 1)(each["components"][0].get("label"), f"{path}.components.0.label")
        else:
            _check_label(each, path)
    _unique(list(walk(data["components"])), "data.components")


def _check_label(label: Any, path: str) -> None:
    _LABEL(label, path)
    inner, inside = label["component"], below(path, "component")
    kind = inner.get("type") if isinstance(inner, dict) else None
    if kind not in _IN_LABEL:
        raise bad(below(inside, "type"), f"Value must be one of {set(_IN_LABEL)}.")
    _IN_LABEL[kind](inner, inside)
    if kind == INPUT and inner.get("label"):
        raise bad(below(inside, "label"), "Inside a Label the input has none of its own.")
    if kind == INPUT and inner.get("value") and len(inner["value"]) > inner.get("max_length", 4_000):
        raise bad(below(inside, "value"), "The value is longer than max_length.")


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, those inside others too."""
    for each in components:
        yield each
        yield from walk(each.get("components", []))
        if isinstance(each.get("component"), dict):
            yield from walk([each["component"]])


def _unique(found: list[Json], path: str) -> None:
    names = [each["custom_id"] for each in found if each.get("custom_id")]
    if len(set(names)) < len(names):
        raise bad(path, "Component custom id cannot be duplicated")


def numbered(components: list[Json]) -> list[Json]:
    """The components as Discord shows them: each with an id of its own."""
    count = 0

    def number_one(each: Json) -> Json:
        nonlocal count
        count += 1
        shown = {**each, "id": each.get("id") or count}
        if "components" in each:
            shown["components"] = [number_one(inner) for inner in each["components"]]
        if each["type"] == CONTAINER:
            return {"accent_color": None, "spoiler": False, **shown}
        return {name: value for name, value in shown.items() if value is not None}

    return [number_one(each) for each in components]
