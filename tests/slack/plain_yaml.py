"""The plain part of YAML: block mappings and sequences, quoted and plain scalars, flow sequences of quoted strings.

Anything else raises, so that what is read here means the same to every reader of YAML.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LINE = re.compile(r'( *)((?:"(?:[^"\\]|\\.)*"|(?! #)[^\t"])*)(?: +#.*)?')
_KEY = re.compile(r"([A-Za-z_]+):(?: +(.+))?")
_PLAIN = re.compile(r"[A-Za-z0-9/](?:(?!: | #)[^\t{}\[\]\"])*(?<!:)(?<! )")
_AMBIGUOUS = {"yes", "no", "on", "off", "null", "~", "y", "n"}

Line = tuple[int, str]


def load(text: str) -> Any:
    """What the text says. Raises ValueError outside the plain part."""
    lines: list[Line] = []
    for raw in text.splitlines():
        match = _LINE.fullmatch("" if raw.lstrip().startswith("#") else raw)
        if match is None:
            raise ValueError(raw)
        if match[2].strip():
            lines.append((len(match[1]), match[2].rstrip()))
    value, rest = _block(lines, 0)
    if rest:
        raise ValueError(rest[0][1])
    return value


def _block(lines: list[Line], indent: int) -> tuple[Any, list[Line]]:
    if lines[0][0] != indent:
        raise ValueError(lines[0][1])
    return (_sequence if lines[0][1].startswith("- ") else _mapping)(lines, indent)


def _sequence(lines: list[Line], indent: int) -> tuple[list[Any], list[Line]]:
    found = []
    while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
        first = lines[0][1][2:]
        if _KEY.fullmatch(first):
            value, lines = _mapping([(indent + 2, first), *lines[1:]], indent + 2)
        else:
            value, lines = _scalar(first), lines[1:]
        found.append(value)
    return found, lines


def _mapping(lines: list[Line], indent: int) -> tuple[dict[str, Any], list[Line]]:
    found: dict[str, Any] = {}
    while lines and lines[0][0] == indent:
        match = _KEY.fullmatch(lines[0][1])
        if match is None or match[1] in found:
            raise ValueError(lines[0][1])
        lines = lines[1:]
        if match[2] is not None:
            found[match[1]] = _scalar(match[2])
        else:
            found[match[1]], lines = _block(lines, indent + 2)
    if lines and lines[0][0] > indent:
        raise ValueError(lines[0][1])
    return found, lines


def _scalar(text: str) -> Any:
    if text.startswith(('"', "[")) or re.fullmatch(r"[0-9]+|true|false", text):
        value = json.loads(text)
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise ValueError(text)
        return value
    if not _PLAIN.fullmatch(text) or text.lower() in _AMBIGUOUS:
        raise ValueError(text)
    return text
