"""What a request is refused with, in the form of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import (
    AskrepoError,
    CacheUnusable,
    NoGit,
    RepositoryAway,
    RepositoryIndexing,
    RepositoryNameError,
    RepositoryPathError,
    RepositoryTooLarge,
    RepositoryUnreadable,
    UnknownRepository,
)
from core.localchat.clones import EmptyRepository


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and the words for it. `param` names the offending part of the request."""

    status: int
    message: str
    code: str
    param: str | None = None

    def body(self) -> dict[str, Any]:
        """`{"error": …}`."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


class Refused(AskrepoError):
    """Carries a refusal to the rim."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


UNAUTHORIZED = Refusal(401, "The token is missing or wrong.", "invalid_api_key")
FOREIGN_PAGE = Refusal(403, "Without a token, only programs on this machine are answered.", "forbidden")
TOO_LARGE = Refusal(413, "The request is larger than 1 MiB.", "request_too_large")
SLOW = Refusal(408, "The request did not arrive in time.", "request_timeout")
STOPPING = Refusal(503, "The embedded /chat is shutting down.", "shutting_down")
INTERNAL = Refusal(500, "The embedded /chat failed. Its log says more.", "internal_error")


_MEANINGS: tuple[tuple[type[AskrepoError], int, str, str | None], ...] = (
    (RepositoryNameError, 400, "invalid_repo_name", "repo_name"),
    (RepositoryPathError, 404, "repository_not_found", "repo_name"),
    (EmptyRepository, 404, "repository_empty", "repo_name"),
    (UnknownRepository, 404, "repository_not_found", "repo_name"),
    (RepositoryIndexing, 409, "repository_indexing", "repo_name"),
    (RepositoryTooLarge, 422, "repository_too_large", "repo_name"),
    (RepositoryAway, 503, "repository_away", "repo_name"),
    (RepositoryUnreadable, 503, "repository_unreadable", "repo_name"),
    (NoGit, 503, "git_missing", None),
    (CacheUnusable, 503, "cache_unusable", None),
)


def of(error: AskrepoError) -> Refusal:
    """The refusal for an error of the repositories; INTERNAL for any that should not have come here."""
    if isinstance(error, Refused):
        return error.refusal
    for kind, status, code, param in _MEANINGS:
        if isinstance(error, kind):
            return Refusal(status, _message(error), code, param)
    return INTERNAL


def _message(error: AskrepoError) -> str:
    if isinstance(error, RepositoryNameError):
        return f"repo_name is malformed: {error.problem}. An example is {error.example}."
    if isinstance(error, RepositoryPathError):
        return f"The repository's folder {error.problem}."  # which folder is the operator's business
    if isinstance(error, CacheUnusable):
        return "The folder of the clones cannot be used."  # likewise
    return f"{error}."
