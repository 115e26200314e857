"""What one request to /chat says: query, headers and body. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.chat.contract import ChatRequest, Message, answered
from core.errors import SecretError, TokenRefused
from core.secret import Secret, bearer

_JSON = "application/json"


def speaks_openai(path: str) -> bool:
    """Whether a service at this path is an OpenAI-compatible one, to which `repo_name` means nothing."""
    return path.rstrip("/").endswith("/chat/completions")


def query(path: str, repository: str) -> dict[str, str]:
    """The query parameters."""
    return {} if speaks_openai(path) else {"repo_name": repository}


def headers(token: Secret | None, *, stream: bool) -> dict[str, str]:
    """The headers. Raises TokenRefused for a token that no header can carry: httpx would quote it in its error."""
    # Identity only: a compressed answer could unfold into any amount of memory.
    accept = f"text/event-stream, {_JSON}" if stream else _JSON
    fields = {"Accept": accept, "Accept-Encoding": "identity", "Content-Type": _JSON}
    if token is not None:
        fields["Authorization"] = f"Bearer {_sendable(token).reveal()}"
    return fields


def body(
    path: str,
    repository: str,
    messages: Sequence[Message],
    *,
    model: str,
    stream: bool,
    temperature: float | None,
) -> bytes:
    """The JSON body; `temperature` only where it is set."""
    leading = []
    if speaks_openai(path):
        leading = [Message(role="system", content=f"The questions are about the code repository {repository}.")]
    request = ChatRequest(messages=[*leading, *messages], model=model, stream=stream, temperature=temperature)
    return request.model_dump_json(exclude_none=True).encode()


def without_oldest(messages: Sequence[Message]) -> tuple[list[Message], int] | None:
    """The messages without the oldest turns, and how many turns went; None if there is nothing to drop.

    System messages stay, and the questions that are last: those after the last answer. There is one retry, so it must
    be likely to fit: turns go until at most half of the earlier text is left.
    """
    earlier = [index for index, message in enumerate(messages[: answered(messages)]) if message.role != "system"]
    if not earlier:
        return None
    left = sum(len(messages[index].content) for index in earlier)
    enough = left // 2
    dropped: set[int] = set()
    turns = 0
    for index in earlier:
        opens_turn = messages[index].role == "user" or not dropped
        if opens_turn and dropped and left <= enough:
            break
        turns += opens_turn
        dropped.add(index)
        left -= len(messages[index].content)
    return [message for index, message in enumerate(messages) if index not in dropped], turns


def _sendable(token: Secret) -> Secret:
    problem = ""
    try:
        return bearer(token.reveal())
    except SecretError as error:
        problem = error.problem
    raise TokenRefused(f"the token cannot be sent: {problem}")
