"""The wire models of /chat: of requests, for the client and the embedded server; of answers, for the client.

What we send is strict. What comes back is lenient: every field but the content may be null, absent or unknown, and an
answer never fails over metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

DEFAULT_MODEL = "gpt-4o"  # the one documented value of the contract's enum
MODEL_LIMIT = 100  # characters of a model's name that are kept: it stands in one line under the answer

Role = Literal["system", "user", "assistant"]


class Message(BaseModel):
    """One message of the conversation sent along; the last one is the question."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Role
    content: str


class ChatRequest(BaseModel):
    """The body of `POST /chat`. `stream` is always sent: the documents disagree about its default."""

    model_config = ConfigDict(extra="ignore")

    messages: list[Message] = Field(min_length=1)
    model: str
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)


def clean(text: str) -> str:
    """The text as every store and platform takes it: JSON can escape NUL, and half a surrogate pair.

    PostgreSQL stores no NUL. Half a pair is no UTF-8, and pydantic refuses it, and with it the whole answer.
    """
    if text.isascii() and "\0" not in text:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").replace("\0", "\ufffd")


def _text_or_none(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def _model_or_none(value: Any) -> str | None:
    return clean(value[:MODEL_LIMIT]) if isinstance(value, str) else None


def _code_or_none(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text_or_none(value)


def _content_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _first_or_empty(value: Any) -> dict[str, Any]:
    return next((item for item in value if isinstance(item, dict)), {}) if isinstance(value, list) else {}


def _dict_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _error_or_none(value: Any) -> Any:
    if isinstance(value, dict):
        return value or None
    return {"message": value} if value else None


Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Model = Annotated[str | None, BeforeValidator(_model_or_none)]
Code = Annotated[str | None, BeforeValidator(_code_or_none)]
Content = Annotated[str | None, PlainValidator(_content_or_none)]  # may end in half a surrogate pair: see answer.py


class _Lenient(BaseModel):
    """The fields that are read of what came back: each is checked in each chunk, and a stream has one for each word."""

    model_config = ConfigDict(extra="ignore")


class Delta(_Lenient):
    """The text of a choice: a message (whole) or a delta (streamed)."""

    content: Content = None
    refusal: Content = None


class Choice(_Lenient):
    """One choice of a completion or of a chunk."""

    message: Annotated[Delta | None, BeforeValidator(_dict_or_none)] = None
    delta: Annotated[Delta | None, BeforeValidator(_dict_or_none)] = None
    finish_reason: Text = None


class ErrorBody(_Lenient):
    """The inside of `{"error": …}`. A number as `code` and a bare text as `error` are taken too."""

    message: Text = None
    type: Text = None
    param: Text = None
    code: Code = None


class Completion(_Lenient):
    """A `chat.completion` object, or one `chat.completion.chunk` of a stream; of its choices the first, if any."""

    model: Model = None
    choice: Annotated[Choice, BeforeValidator(_first_or_empty)] = Field(Choice(), validation_alias="choices")
    error: Annotated[ErrorBody | None, BeforeValidator(_error_or_none)] = None


def parse(text: str) -> Completion | None:
    """What came back, or None if it is no JSON object. A service's error body is a Completion with `error` alone."""
    try:
        value = json.loads(text)  # pydantic's own JSON parser refuses half a surrogate pair
    except (ValueError, RecursionError):
        return None
    return Completion.model_validate(value) if isinstance(value, dict) else None


def answered(messages: Sequence[Message]) -> int:
    """How many of the messages come up to the last answer, itself included: behind it stand the questions asked now."""
    return max((number for number, message in enumerate(messages, 1) if message.role == "assistant"), default=0)
