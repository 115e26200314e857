"""Pure: whether a request over HTTP comes from Slack, told from its method, its headers and the octets of its body.

Nothing is parsed here, and what was sent is neither quoted nor logged: before the signature holds, a reason is all
that may be said about a request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from core.errors import SettingsError
from core.secret import Secret

MOST_OCTETS = 1 << 21  # of a body; what Slack sends at most is derived beside the other limits, in `payload`
WINDOW_SECONDS = 300  # between Slack's clock and ours, either way, as Slack's guide to signed requests has it

_SETTING = "SLACK_SIGNING_SECRET"
_MOST_SECRETS = 2
_SLACK = b"x-slack-"
_TIMESTAMP = b"x-slack-request-timestamp"
_SIGNATURE = b"x-slack-signature"
_TIME = re.compile(rb"[1-9][0-9]{0,11}")  # `int` would take signs, spaces, underscores and digits of other scripts
_SIGNED = re.compile(rb"v0=[0-9a-f]{64}")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class _Answer(NamedTuple):
    code: str
    status: int


class Reason(Enum):
    """Why a request is refused: the code for the log, and the status that it is answered with."""

    METHOD = _Answer("method", 405)
    HEADERS = _Answer("headers", 401)
    LENGTH = _Answer("length", 400)
    TOO_LARGE = _Answer("too_large", 413)
    TOO_SLOW = _Answer("too_slow", 408)
    SIGNATURE = _Answer("signature", 401)
    STALE = _Answer("stale", 401)
    REPLAYED = _Answer("replayed", 401)
    CONTENT_TYPE = _Answer("content_type", 400)
    BODY = _Answer("body", 400)


class Refused(Exception):
    """The request is refused; nothing of it is in here."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value.code)
        self.reason = reason


class Form(Enum):
    """The two forms of what Slack sends: events, and commands or interactions."""

    JSON = b"application/json"
    FIELDS = b"application/x-www-form-urlencoded"


Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Claim:
    """What the headers claim of the body; nothing is proven yet."""

    timestamp: bytes  # as it was sent, since it is signed so
    signature: bytes


def claim(method: str, headers: Headers) -> Claim:
    """The claim of a request whose body was not read yet. Raises Refused."""
    if method != "POST":
        raise Refused(Reason.METHOD)
    given: dict[bytes, bytes] = {}
    for name, value in headers:
        if (lowered := name.lower()).startswith(_SLACK):
            if lowered in given:  # a proxy and we could each believe another one
                raise Refused(Reason.HEADERS)
            given[lowered] = value
    timestamp, signature = given.get(_TIMESTAMP, b""), given.get(_SIGNATURE, b"")
    if not _TIME.fullmatch(timestamp) or not _SIGNED.fullmatch(signature):
        raise Refused(Reason.HEADERS)
    _check_length(_all(headers, b"content-length"))
    return Claim(timestamp, signature)


def proven(claim: Claim, body: bytes | bytearray, secrets: Sequence[Secret]) -> int:
    """Which of the secrets signed the body, 0 for the current one. Raises Refused if none did."""
    found = [hmac.compare_digest(sign(secret, claim.timestamp, body), claim.signature) for secret in secrets]
    if not any(found):
        raise Refused(Reason.SIGNATURE)
    return found.index(True)


def skew(claim: Claim, now: float) -> float:
    """Seconds that our clock is ahead of the sender's; worth nothing before the claim is proven."""
    return now - int(claim.timestamp)


def form(headers: Headers) -> Form:
    """The form of the body. Raises Refused."""
    given = _all(headers, b"content-type")
    media = given[0].partition(b";")[0].strip().lower() if len(given) == 1 else b""
    try:
        return Form(media)
    except ValueError:
        raise Refused(Reason.CONTENT_TYPE) from None


def sign(secret: Secret, timestamp: bytes, body: bytes | bytearray) -> bytes:
    """The value of Slack's signature header for a body, over its octets as they were sent."""
    mac = hmac.new(secret.reveal().encode(), b"v0:" + timestamp + b":", hashlib.sha256)
    mac.update(body)
    return b"v0=" + mac.hexdigest().encode()


def signing_secrets(setting: Secret) -> tuple[Secret, ...]:
    """The secrets in SLACK_SIGNING_SECRET: one, or while it is being renewed two with a comma, the current one first.

    Raises SettingsError: whoever can guess a secret can forge every request.
    """
    parts = [part.strip() for part in setting.reveal().split(",")]
    if not all(parts):
        raise SettingsError(_SETTING, "it is empty, or has nothing before or after the comma")
    if len(parts) > _MOST_SECRETS:
        raise SettingsError(_SETTING, "it holds more than two secrets: the current one and the one before")
    if not all("!" <= character <= "~" for part in parts for character in part):
        raise SettingsError(_SETTING, "it holds white space or characters outside ASCII")
    return tuple(Secret(part) for part in parts)


def _check_length(given: Sequence[bytes]) -> None:
    if len(given) > 1 or not all(_LENGTH.fullmatch(length) for length in given):
        raise Refused(Reason.LENGTH)
    if given and int(given[0]) > MOST_OCTETS:
        raise Refused(Reason.TOO_LARGE)


def _all(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name.lower() == wanted]
