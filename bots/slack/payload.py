"""Pure: the octets of a proven body as the object Slack means, or a refusal after little work.

It is what comes over Socket Mode too: the fields of a command, the `payload` of an interaction, an event.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import TypeAlias

from bots.slack.verify import Form, Reason, Refused

Payload: TypeAlias = dict[str, object]

_DEEPEST = 64  # containers in each other
# The longest post has 40,000 characters, and the most becomes of it where it is "`a` " again and again: of each four,
# two elements of rich text with 11 brackets and commas, 20 quotes and 80 octets. An edit carries it twice: 220,000 of
# the former, 400,000 quotes and 1.6 MB, or 2.04 where JSON needs 12 octets for the letter. Only emoji in several styles
# at once make more of a character, and of 13,200 of these, all that Slack takes in blocks (slackapi/bolt-js#2509), an
# edit is smaller. Slack waits for three seconds: to read that edit takes a tenth of one, and nothing takes half of one.
_MOST_PARTS = 240_000  # brackets, and commas between members
_MOST_QUOTES = 440_000
_MOST_DIGITS = 20
_MOST_FIELDS = 200

# To the end if it does not close, and without a second try: else open quotes would cost the square of their number.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NUMBER = re.compile(rb"[0-9]{%d}" % (_MOST_DIGITS + 1))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = dict(zip(b"[]{}", (1, -1, 1, -1), strict=True))
_HALF = re.compile("[\ud800-\udfff]")


def read(body: bytes, form: Form) -> Payload:
    """The payload in a body. Raises Refused for anything that is no object, or too much of one."""
    try:
        return _object(body) if form is Form.JSON else _fields(body)
    except ValueError:  # UnicodeDecodeError and JSONDecodeError among them
        raise Refused(Reason.BODY) from None


def _fields(body: bytes) -> Payload:
    pairs = body.decode("ascii").split("&", _MOST_FIELDS)
    if len(pairs) > _MOST_FIELDS:
        raise ValueError
    found = [(_decoded(name), _decoded(value)) for name, _, value in (pair.partition("=") for pair in pairs if pair)]
    fields: Payload = dict(found)
    if len(fields) != len(found):
        raise ValueError
    # The field of that name, not the word: it may stand in the text of a command.
    payload = fields.get("payload")
    if not isinstance(payload, str):
        return fields
    return _object(payload.encode())


def _decoded(escaped: str) -> str:
    """A name or a value of a form. The JSON parser reads its escapes, since urllib takes long over each."""
    if '"' in escaped or "\\" in escaped:
        raise ValueError
    octets = json.loads('"' + escaped.replace("+", " ").replace("%", "\\u00") + '"')
    return str(octets).encode("latin-1").decode()


def _object(body: bytes) -> Payload:
    _check(body)
    found = json.loads(body.decode(), parse_constant=_number, parse_float=_number)
    if b"\\ud" in body or b"\\uD" in body:
        # Half a character, of a text that was cut, could neither be stored nor sent on.
        found = json.loads(_HALF.sub("\N{REPLACEMENT CHARACTER}", json.dumps(found, ensure_ascii=False)))
    if isinstance(found, dict):
        return found
    raise ValueError


def _check(body: bytes) -> None:
    """Raises ValueError for what would take the parser, or whoever walks through the result, too long or too deep."""
    if body.count(b'"') > _MOST_QUOTES:
        raise ValueError
    bare = _STRING.sub(b"", body)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if len(brackets) + bare.count(b",") > _MOST_PARTS or _NUMBER.search(bare):
        raise ValueError
    if max(accumulate(_STEP[bracket] for bracket in brackets), default=0) > _DEEPEST:
        raise ValueError


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number
