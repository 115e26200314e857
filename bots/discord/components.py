"""Pure: the bodies of our messages and their buttons. Every id in a button is checked again when it is pressed."""

from __future__ import annotations

from enum import IntEnum

RETRY, STOP, GOOD, BAD = "retry", "stop", "good", "bad"  # under answers
MAP, AGAIN, TOKEN, CONFIRM, DEFAULT = "map", "again", "token", "confirm", "default"  # under notices
ACTIONS = frozenset({RETRY, STOP, GOOD, BAD, MAP, AGAIN, TOKEN, CONFIRM, DEFAULT})
LONGEST_ID = 100  # characters of a custom_id


class Style(IntEnum):
    """How a button looks."""

    PRIMARY = 1
    SECONDARY = 2
    SUCCESS = 3
    DANGER = 4
    LINK = 5


def custom_id(action: str, subject: str, number: int = 0) -> str:
    """The id of a button: what it does, about what (a turn's id, mostly), and under which post of an answer."""
    return f"{action}:{subject}:{number}"


def parse(given: str) -> tuple[str, str, int] | None:
    """What `custom_id` was given; None for anything else."""
    action, _, rest = given.partition(":")
    subject, colon, number = rest.rpartition(":")
    if action not in ACTIONS or not colon or not number.removeprefix("-").isdecimal() or len(number) > 6:
        return None
    return action, subject, int(number)


def button(
    action: str, label: str, subject: str = "", number: int = 0, *, style: Style = Style.SECONDARY
) -> dict[str, object]:
    """A button; `action`, `subject` and `number` come back when it is pressed."""
    return {"type": 2, "style": int(style), "label": label, "custom_id": custom_id(action, subject, number)}


def link(label: str, url: str) -> dict[str, object]:
    """A button that opens a page."""
    return {"type": 2, "style": int(Style.LINK), "label": label, "url": url}


def row(*buttons: dict[str, object]) -> list[dict[str, object]]:
    """Up to five buttons beside each other; none at all take a row away."""
    return [{"type": 1, "components": list(buttons)}] if buttons else []
