"""Payloads in the shapes of Slack's documentation, of a workspace that does not exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = dict[str, object]

FOLDER = Path(__file__).parent.parent / "payloads" / "slack"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
HOME, ORGANISATION = "T0HOME0001", "E0HOME0001"
BOT, ANNA, BERT = "U0BOT00001", "U0ANNA0001", "U0BERT0001"
CODE = "C0CODE0001"
TS, ROOT = "1760000100.000200", "1760000000.000100"


def payload(name: str, **changes: object) -> Json:
    """The payload of this name; a change set to None is null, one set to `...` leaves the field out."""
    return _changed(json.loads((FOLDER / f"{name}.json").read_text()), changes)


def event(name: str, **changes: object) -> Json:
    """The envelope of this name, changed in its event."""
    envelope = payload(name)
    return {**envelope, "event": _changed(part(envelope, "event"), changes)}


def part(of: Json, *path: str) -> Json:
    """An object inside a payload."""
    for key in path:
        found = of[key]
        assert isinstance(found, dict)
        of = found
    return of


def _changed(fields: Json, changes: Json) -> Json:
    return {key: value for key, value in {**fields, **changes}.items() if value is not ...}
