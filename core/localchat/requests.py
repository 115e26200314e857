"""What arrives at /chat: who may ask, and what is asked. Refused in the form of the contract."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from core.chat.contract import ChatRequest
from core.localchat import names
from core.localchat.refusals import FOREIGN_PAGE, UNAUTHORIZED, Refusal, Refused
from core.secret import Secret


def admit(authorizations: Sequence[str], headers: Mapping[str, str], token: Secret | None) -> None:
    """Raises Refused for a caller who may not ask.

    Without a token a server on the loopback would answer any web page that talks the browser into asking it, directly
    (then the browser sends `Origin`) or through a name that resolves to 127.0.0.1 (then `Host` is that name).
    """
    if token is None:
        if "origin" in headers or not _is_address(headers.get("host", "")):
            raise Refused(FOREIGN_PAGE)
        return
    scheme, _, given = authorizations[0].partition(" ") if len(authorizations) == 1 else ("", "", "")
    same = hmac.compare_digest(given.strip().encode(), token.reveal().encode())
    if not same or scheme.lower() != "bearer":
        raise Refused(UNAUTHORIZED)


def repository(given: Sequence[str]) -> str:
    """The canonical name from the `repo_name` parameters. Raises Refused, RepositoryNameError."""
    if len(given) != 1 or not given[0]:
        problem = "is missing" if not any(given) else "is given more than once"
        message = f"The query parameter repo_name {problem}. An example is {names.EXAMPLE}."
        raise Refused(Refusal(400, message, "invalid_repo_name", "repo_name"))
    return names.check(given[0])


def chat(body: bytes) -> ChatRequest:
    """The request in a body. Raises Refused, without quoting what was sent."""
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{where}: {first['msg']}" if where else "The body is not JSON of the expected form."
        raise Refused(Refusal(400, message, "invalid_body", where or None)) from None
    last = request.messages[-1]
    if last.role != "user" or not last.content.strip():
        message = "The last message must be the user's question, and not empty."
        raise Refused(Refusal(400, message, "no_question", "messages"))
    return request


def _is_address(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower() == "localhost"
    return True
