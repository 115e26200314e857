"""Discord's refusals by code, and the record of broken limits."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.discord_values import Json

_MESSAGES = {
    0: (401, "401: Unauthorized"),
    10002: (404, "Unknown Application"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20009: (403, "Explicit content cannot be sent to the desired recipient(s)"),
    30032: (400, "Maximum number of application commands reached"),
    30034: (400, "Max number of daily application command creates has been reached (200)"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40067: (400, "A tag is required to create a forum post in this channel"),
    40094: (400, "This interaction has reached the maximum number of follow-up messages"),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "This thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    50278: (400, "Cannot send messages to this user due to having no mutual guilds"),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
    160005: (400, "Thread is locked"),
    160006: (400, "Maximum number of active threads reached"),
}
_MISTAKES = frozenset({
    10062, 40005, 40060, 40067, 40094, 50003, 50005, 50006, 50008, 50024, 50027, 50035, 50109, 30032, 30034
})  # fmt: skip


class DiscordError(Exception):
    """A refusal. `errors` is the nested object of 50035; `path` names the field in the record of violations.

    `mistake`: the request could never have been right, which most codes say by themselves.
    """

    def __init__(
        self, code: int, detail: str = "", *, status: int = 0, path: str = "", mistake: bool | None = None
    ) -> None:
        self.code = code
        self.mistake = code in _MISTAKES if mistake is None else mistake
        self.status, self.message = _MESSAGES.get(code, (400, "400: Bad Request"))
        self.status = status or self.status
        self.detail = detail
        self.path = path
        super().__init__(f"{code} {self.message}: {path} {detail}")

    def body(self) -> Json:
        """Discord's error object."""
        if self.code != 50035:
            return {"message": self.message, "code": self.code}
        errors: Json = {"_errors": [{"code": "BASE_TYPE_BAD", "message": self.detail}]}
        for part in reversed([each for each in self.path.split(".") if each]):
            errors = {part: errors}
        return {"message": self.message, "code": self.code, "errors": errors}


def bad(path: str, detail: str) -> DiscordError:
    """50035 about one field of a body; `path` is like "components.0.components.1.label"."""
    return DiscordError(50035, detail, path=path)


class NotFound(DiscordError):
    """No such route: always a mistake."""

    def __init__(self) -> None:
        super().__init__(0, status=404, mistake=True)
        self.message = "404: Not Found"


@dataclass(frozen=True)
class Violation:
    """A documented limit that was broken. `code` is Discord's number, or a word of the fake's own."""

    code: int | str
    where: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.code}" + (f" ({self.detail})" if self.detail else "")
