"""Block Kit as documented: what is taken, what a reader sees of it, and whom it would ping."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.fakes.slack_elements import (
    CHOICES,
    ELEMENTS,
    ID,
    INPUTS,
    Check,
    anything,
    fields,
    flag,
    one_of,
    plain,
    refuse,
    several,
    string,
    text,
    typed,
)
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_markdown import translated

Json = dict[str, Any]

_PING = re.compile(r"<(![a-z]+(?:\^\w+)?|@[UW]\w+)(?:\|[^>]*)?>")
_BROADCASTS = ("!here", "!channel", "!everyone", "!group", "!subteam")


_CELL = typed({"raw_text": {"text!": string(3000, 0)}, "rich_text": {"elements!": anything, "block_id": ID}})
_BLOCKS: dict[str, dict[str, Check]] = {
    "section": {
        "text": text(3000),
        "fields": several(text(2000), 10),
        "accessory": typed(ELEMENTS, ("button", "image", "overflow", *CHOICES)),
        "expand": flag,
    },
    "header": {"text!": plain(150)},
    "context": {"elements!": several(typed(ELEMENTS, ("mrkdwn", "plain_text", "image")), 10)},
    "actions": {"elements!": several(typed(ELEMENTS, ("button", "overflow", *CHOICES)), 25)},
    "context_actions": {"elements!": several(typed(ELEMENTS, ("feedback_buttons", "icon_button")), 5)},
    "divider": {},
    "markdown": {"text!": string(12000)},
    "image": {"image_url!": string(3000), "alt_text!": string(2000), "title": plain(2000)},
    "input": {
        "label!": plain(2000),
        "element!": typed(ELEMENTS, INPUTS),
        "hint": plain(2000),
        "optional": flag,
        "dispatch_action": flag,
    },
    "rich_text": {"elements!": anything},
    "table": {"rows!": several(several(_CELL, 20), 100), "column_settings": anything},
}
_MESSAGE_BLOCKS = tuple(_BLOCKS)
_VIEW_BLOCKS = tuple(name for name in _BLOCKS if name not in {"context_actions", "markdown", "table"})


def check_blocks(blocks: Any, most: int = 50) -> None:
    """Refuse what Slack's Block Kit reference forbids in a message."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format", "blocks is no list")
    if len(blocks) > most:
        raise SlackError("msg_blocks_too_many" if most == 50 else "invalid_blocks", f"{len(blocks)} blocks")
    _check(blocks, _MESSAGE_BLOCKS)
    markdown = [block["text"] for block in blocks if block["type"] == "markdown"]
    if sum(map(len, markdown)) > 12000:
        raise SlackError("msg_too_long", f"{sum(map(len, markdown))} characters of Markdown in one payload")
    made = len(blocks) - len(markdown) + sum(len(translated(each)) for each in markdown)
    if made > most:
        raise SlackError("invalid_blocks", f"{made} blocks are made of these")
    if sum(block["type"] == "table" for block in blocks) > 1:
        raise SlackError("invalid_attachments", "only_one_table_allowed")


def _check(blocks: list[Any], types: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in types:
            raise refuse(f"unsupported block type {kind!r}")
        fields(block, {"type!": anything, "block_id": ID, **_BLOCKS[str(kind)]})
        if kind == "section" and not ("text" in block or "fields" in block):
            raise refuse("section: text or fields is needed")
        actions = [element["action_id"] for element in buttons([block])]
        if len(actions) != len(set(actions)):
            raise refuse(f"{kind}: the same action_id twice in one block: {actions}")
        if block.get("block_id") in seen:
            raise refuse(f"the same block_id twice: {block['block_id']}")
        seen |= {block["block_id"]} if "block_id" in block else set()


_VIEW: dict[str, Check] = {
    "type!": one_of("modal", "home"),
    "blocks!": anything,
    "private_metadata": string(3000, 0),
    "callback_id": string(255),
    "external_id": string(255),
}
_MODAL: dict[str, Check] = {
    "title!": plain(24),
    "submit": plain(24),
    "close": plain(24),
    "clear_on_close": flag,
    "notify_on_close": flag,
    "submit_disabled": flag,
}


def check_view(view: Any, kind: str, octets: int) -> None:
    """Refuse what Slack's view reference forbids. `octets`: the length of its JSON."""
    if not isinstance(view, dict) or view.get("type") != kind:
        raise SlackError("invalid_arguments", f"a view of type {kind} is needed")
    if octets > 250_000:
        raise SlackError("view_too_large", f"{octets} octets")
    try:
        fields(view, _VIEW | (_MODAL if kind == "modal" else {}))
        if not isinstance(view["blocks"], list) or len(view["blocks"]) > 100:
            raise refuse("a view has up to 100 blocks")
        _check(view["blocks"], _VIEW_BLOCKS)
        if kind == "modal" and "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
            raise refuse("a modal with an input needs submit")
    except SlackError as error:
        raise SlackError("invalid_arguments", error.detail) from None


def buttons(blocks: list[Json]) -> list[Json]:
    """The interactive elements, in order."""
    found: list[Json] = []
    for block in blocks:
        elements = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        found += [each for each in elements if isinstance(each, dict) and "action_id" in each]
    return found


def flatten(blocks: list[Json]) -> str:
    """What a reader sees of the blocks, one line each, without the labels of buttons."""
    return "\n".join(part for block in blocks for part in _parts(block) if part)


def _parts(block: Json) -> Iterator[str]:
    texts = [block.get("text"), block.get("label"), block.get("hint"), *block.get("fields", [])]
    texts += block.get("elements", []) if block["type"] == "context" else []
    for part in texts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and "text" in part:
            yield str(part["text"])
    for row in block.get("rows", []):
        yield " | ".join(str(cell.get("text", "")) for cell in row)


def pings(words: str, blocks: list[Json]) -> set[str]:
    """Who would be notified: user ids, and !here, !channel, !everyone, !subteam^…. Code is no shelter."""
    parts = [words, *(str(each) for block in blocks for each in _formatted(block))]
    found = {match for part in parts for match in _PING.findall(part)}
    return {ping.removeprefix("@") for ping in found if ping.startswith(("@", *_BROADCASTS))}


def _formatted(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") in {"mrkdwn", "markdown"}:
            yield str(value.get("text", ""))
        elif value.get("type") == "user":
            yield f"<@{value.get('user_id')}>"
        elif value.get("type") == "broadcast":
            yield f"<!{value.get('range')}>"
        else:
            for each in value.values():
                yield from _formatted(each)
    elif isinstance(value, list):
        for each in value:
            yield from _formatted(each)
