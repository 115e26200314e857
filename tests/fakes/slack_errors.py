"""How Slack says no, and which refusals are a mistake of the program that asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What a faultless program can meet all the same. Every other refusal fails the test.
_CIRCUMSTANCES = frozenset({
    "account_inactive", "already_reacted", "bad_redirect", "cannot_reply_to_message", "cant_update_message",
    "channel_not_found", "channel_type_not_supported", "edit_window_closed", "expired_trigger_id", "expired_url",
    "fatal_error", "feature_disabled", "file_not_found", "hash_conflict", "internal_error", "invalid_auth",
    "invalid_code", "is_archived", "is_inactive", "message_not_found", "message_not_in_streaming_state",
    "messages_tab_disabled", "no_reaction", "not_authed", "not_enabled", "not_in_channel", "org_login_required",
    "ratelimited", "request_timeout", "restricted_action", "service_unavailable", "stopped_by_user", "team_not_found",
    "thread_not_found", "token_expired", "token_revoked", "user_is_restricted", "user_not_found",
    "user_not_in_channel", "view_not_found",
})  # fmt: skip


class SlackError(Exception):
    """`{"ok": false, "error": code}`, with whatever Slack adds to it."""

    def __init__(self, code: str, detail: str = "", **more: Any) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.more = more

    @property
    def mistake(self) -> bool:
        """Whether a correct program never meets this."""
        return self.code not in _CIRCUMSTANCES

    def body(self) -> dict[str, Any]:
        """The JSON of the reply."""
        told = {"response_metadata": {"messages": [f"[ERROR] {self.detail}"]}} if self.detail else {}
        return {"ok": False, "error": self.code, **told, **self.more}


@dataclass(frozen=True)
class Violation:
    """A documented limit that was broken."""

    code: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.where}: {self.code}" + (f" ({self.detail})" if self.detail else "")
