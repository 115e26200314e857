"""What a response that is no answer means, as a ChatError. Pure: status, headers and body go in.

Words of the service are only compared here; no text of it goes on into an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.chat.contract import ErrorBody, parse
from core.errors import (
    BadRequest,
    CacheUnusable,
    ChatError,
    ConversationTooLong,
    NoGit,
    RateLimited,
    RepositoryAway,
    RepositoryIndexing,
    RepositoryTooLarge,
    RepositoryUnreadable,
    ServiceUnavailable,
    TokenRefused,
    TokenWanted,
    UnknownModel,
    UnknownRepository,
    UnusableAnswer,
)

BODY_LIMIT = 1 << 16  # octets of an error's body that are looked at

_LONGEST_WAIT = 86_400.0  # seconds; what is asked beyond a day is taken as a day
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)

_INDEXING = re.compile("indexing|being indexed|not (yet )?indexed|indexed yet")
_TOO_LONG = re.compile(
    r"context[ _-](length|window|size)|maximum context|too many tokens"
    r"|(prompt|conversation|input|messages?)( is| are|_)? ?too[ _]long"
)
_BETWEEN = re.compile(r"[\s\"'`]+")
_ABOUT = re.compile(r"(?P<repository>repo)|(?P<model>model)")

_MEANING: dict[int, type[ChatError]] = {
    401: TokenRefused,
    403: TokenRefused,
    409: RepositoryIndexing,
    413: ConversationTooLong,
}

# The embedded /chat tells by a code of its own what no status can.
_OF_CODE: dict[str, type[ChatError]] = {
    "repository_away": RepositoryAway,
    "repository_unreadable": RepositoryUnreadable,
    "repository_too_large": RepositoryTooLarge,
    "git_missing": NoGit,
    "cache_unusable": CacheUnusable,
}

# An error inside an answer has no status of its own: the first word found in its code and type stands for one.
_STATUS_OF_WORD = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("too_many_requests", 429),
    ("api_key", 401),
    ("authentication", 401),
    ("unauthorized", 401),
    ("permission", 403),
    ("forbidden", 403),
    ("not_found", 404),
    ("invalid_request", 400),
)


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ChatError:
    """The error that a response other than 200 stands for. `headers` are looked up in lower case; `now` is in UTC."""
    completion = parse(body.decode("utf-8", "replace"))
    error = completion.error if completion else None
    return _of_status(status, error, retry_after(headers.get("retry-after"), now))


def in_answer(error: ErrorBody) -> ChatError:
    """The error that `{"error": …}` inside a 200 stands for."""
    return _of_status(_status(error), error, None)


def without_token(error: ChatError) -> ChatError:
    """What an error means where no token was sent."""
    return TokenWanted(error.detail, partial=error.partial) if isinstance(error, TokenRefused) else error


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds a Retry-After header asks to wait, 0 … 86,400. None where it is absent or means nothing."""
    value = (value or "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), _LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max((date - now).total_seconds(), 0.0), _LONGEST_WAIT)


def _of_status(status: int, error: ErrorBody | None, wait: float | None) -> ChatError:
    kind = _MEANING.get(status) or _of_code(error) or _of_words(status, _words(error))
    if kind:
        return kind(str(status))
    if status == 404:
        return _not_found(error)
    if status == 429:
        return RateLimited(str(status), retry_after=wait)
    if status == 408 or 500 <= status < 600:
        return ServiceUnavailable(str(status), retry_after=wait)
    return BadRequest(str(status)) if 400 <= status < 500 else UnusableAnswer(f"status {status}")


def _of_code(error: ErrorBody | None) -> type[ChatError] | None:
    return _OF_CODE.get(error.code or "") if error is not None else None


def _of_words(status: int, words: str) -> type[ChatError] | None:
    if 400 <= status < 600 and _INDEXING.search(words):
        return RepositoryIndexing
    # "Too many tokens" with a 429 are those of a minute.
    if 400 <= status < 500 and status != 429 and _TOO_LONG.search(words):
        return ConversationTooLong
    return None


def _not_found(error: ErrorBody | None) -> ChatError:
    if error is None:
        # The service's own 404 has a body; without one something else answered, so the address is wrong.
        return BadRequest("404 without an error body: nothing answers at this path")
    for text in (error.param, error.code, error.type, _said(error)):
        about = _ABOUT.search((text or "").lower())
        if about and about["model"]:
            return UnknownModel("404 model")
        if about:
            break
    return UnknownRepository("404 repository")


def _status(error: ErrorBody) -> int:
    code = error.code or ""
    if re.fullmatch(r"[45]\d\d", code, re.ASCII):
        return int(code)
    named = f"{code} {error.type or ''}".lower()
    unnamed = 413 if _TOO_LONG.search(_words(error)) else 500
    return next((status for word, status in _STATUS_OF_WORD if word in named), unnamed)


def _words(error: ErrorBody | None) -> str:
    return "" if error is None else " ".join(filter(None, (error.code, error.type, _said(error)))).lower()


def _said(error: ErrorBody) -> str:
    # What a repository is called says nothing about what happened.
    return " ".join(word for word in _BETWEEN.split(error.message or "") if word and "/" not in word)
