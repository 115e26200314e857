"""The table of Web API methods: arguments, scopes, tier; and the strict way from a request to a handler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_values import Channel, Installation, Json
from tests.fakes.slack_world import World

_TYPES: dict[str, type] = {
    **dict.fromkeys(("limit", "length", "count", "page"), int),
    **dict.fromkeys(
        (
            "unfurl_links", "unfurl_media", "link_names", "mrkdwn", "reply_broadcast", "inclusive", "return_im", "test",
            "include_all_metadata", "include_num_members", "include_locale", "prevent_creation",
        ),
        bool,
    ),
    **dict.fromkeys(("blocks", "chunks", "files", "loading_messages"), list),
    **dict.fromkeys(("view", "metadata"), dict),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One call: who calls, and with which arguments."""

    world: World
    method: str
    arguments: Json
    installation: Installation

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)

    def channel(self, name: str = "channel") -> Channel:
        """The channel of the call, as far as the installation may know it."""
        return self.world.find_channel(self.installation, self[name], self.get("team_id", ""))

    def needs(self, *scopes: str) -> None:
        """Refuse unless one of these scopes was granted."""
        granted = self.installation.scopes
        if not granted & set(scopes):
            raise SlackError("missing_scope", self.method, needed=",".join(scopes), provided=",".join(sorted(granted)))


@dataclass(frozen=True)
class Method:
    """One row of the table. `per_minute`: the tier."""

    handler: Callable[[Asked], Json]
    per_minute: int
    scopes: tuple[str, ...]
    required: frozenset[str]
    known: frozenset[str]
    takes: str


METHODS: dict[str, Method] = {}


def method(
    name: str, per_minute: int, *scopes: str, required: str = "", optional: str = "", takes: str = "bot"
) -> Callable[[Callable[[Asked], Json]], Callable[[Asked], Json]]:
    """Register a handler. `takes`: whose token: "bot", "app" or "none"."""

    def register(handler: Callable[[Asked], Json]) -> Callable[[Asked], Json]:
        needed = frozenset(required.split())
        METHODS[name] = Method(handler, per_minute, scopes, needed, needed | set(optional.split()) | {"team_id"}, takes)
        return handler

    return register


def decode(arguments: Mapping[str, Any]) -> Json:
    """Arguments with their documented types; those of a form or a query are strings that spell them."""
    return {name: _typed(name, value) for name, value in arguments.items()}


def _typed(name: str, value: Any) -> Any:
    wanted = _TYPES.get(name, str)
    if wanted is str or not isinstance(value, str):
        decoded = value
    elif wanted is bool:
        decoded = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    elif wanted is int:
        decoded = int(value) if value.isdigit() else value
    else:
        try:
            decoded = json.loads(value)
        except ValueError:
            decoded = value
    if not isinstance(decoded, wanted) or (wanted is int and isinstance(decoded, bool)):
        code = {"blocks": "invalid_blocks_format", "chunks": "invalid_chunks", "metadata": "invalid_metadata_format"}
        raise SlackError(code.get(name, "invalid_arguments"), f"{name}: {value!r:.80} is no {wanted.__name__}")
    return decoded


def check(name: str, arguments: Json) -> Method:
    """The method, or the refusal of an unknown one, of unknown arguments, of missing ones."""
    if name not in METHODS:
        raise SlackError("unknown_method", name, req_method=name)
    found = METHODS[name]
    if unknown := arguments.keys() - found.known:
        raise SlackError("invalid_arguments", f"unknown arguments {sorted(unknown)}")
    for missing in sorted(found.required - arguments.keys()):
        raise SlackError(_MISSING.get((name, missing), "invalid_arguments"), f"missing required field: {missing}")
    return found


_MISSING = {
    ("conversations.info", "channel"): "channel_not_found",
    ("users.info", "user"): "user_not_found",
    ("chat.startStream", "thread_ts"): "invalid_thread_ts",
}
