"""The wire models of /chat, shared by the client and the embedded server.

What we send is strict. What comes back is lenient: every field but the content may be null, absent or unknown, and an
answer never fails over metadata.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

DEFAULT_MODEL = "gpt-4o"  # the one documented value of the contract's enum

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


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _list_or_empty(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _dict_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _whole_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Whole = Annotated[int | None, BeforeValidator(_whole_or_none)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Delta(_Lenient):
    """The text of a choice: a message (whole) or a delta (streamed)."""

    role: Text = None
    content: Text = None
    refusal: Text = None


class Choice(_Lenient):
    """One choice of a completion or of a chunk. We read the first."""

    index: Whole = 0
    message: Annotated[Delta | None, BeforeValidator(_dict_or_none)] = None
    delta: Annotated[Delta | None, BeforeValidator(_dict_or_none)] = None
    finish_reason: Text = None


class Usage(_Lenient):
    """Token counts. Detail keys come in the singular (this contract) and in the plural (OpenAI)."""

    prompt_tokens: Whole = None
    completion_tokens: Whole = None
    total_tokens: Whole = None
    completion_token_details: Annotated[dict[str, Any] | None, BeforeValidator(_dict_or_none)] = Field(
        default=None, validation_alias=AliasChoices("completion_token_details", "completion_tokens_details")
    )
    prompt_token_details: Annotated[dict[str, Any] | None, BeforeValidator(_dict_or_none)] = Field(
        default=None, validation_alias=AliasChoices("prompt_token_details", "prompt_tokens_details")
    )


class ErrorBody(_Lenient):
    """The inside of `{"error": …}`."""

    message: Text = None
    type: Text = None
    param: Text = None
    code: Text = None


class Completion(_Lenient):
    """A `chat.completion` object, or one `chat.completion.chunk` of a stream."""

    id: Text = None
    object: Text = None
    created: Whole = None
    model: Text = None
    choices: Annotated[list[Choice], BeforeValidator(_list_or_empty)] = Field(default_factory=list)
    usage: Annotated[Usage | None, BeforeValidator(_dict_or_none)] = None
    error: Annotated[ErrorBody | None, BeforeValidator(_dict_or_none)] = None
