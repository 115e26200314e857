"""response_url: five uses in thirty minutes, ephemeral unless it says otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack_chat import check_thread
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked
from tests.fakes.slack_values import Channel, Installation, Json, Message, User
from tests.fakes.slack_world import World

_USES = 5
_SECONDS = 1800
_KNOWN = {
    "text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts", "metadata", "unfurl_links",
    "unfurl_media", "parse", "link_names", "mrkdwn",
}  # fmt: skip


@dataclass(eq=False)
class ResponseUrl:
    """Where one interaction may be answered. `original`: the message it came from, or the last answer."""

    installation: Installation
    channel: Channel
    user: User
    at: float
    original: Message | None = None
    uses: int = 0


class Responses:
    """All response_urls that were ever handed out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._urls: dict[str, ResponseUrl] = {}

    def new(self, installation: Installation, channel: Channel, user: User, original: Message | None = None) -> str:
        """A fresh response_url."""
        secret = secrets.token_hex(12)
        self._urls[secret] = ResponseUrl(installation, channel, user, self._world.clock(), original)
        return f"{self._world.base}/response/{secret}"

    def respond(self, secret: str, arguments: Any, check_content: Callable[[Asked], None]) -> None:
        """One use of a response_url."""
        url = self._urls.get(secret)
        if url is None:
            raise SlackError("invalid_url")
        if self._world.clock() > url.at + _SECONDS:
            raise SlackError("expired_url")
        url.uses += 1
        if url.uses > _USES:
            raise SlackError("used_url", "a response_url works five times")
        if not isinstance(arguments, dict) or arguments.keys() - _KNOWN:
            raise SlackError("invalid_payload", f"{arguments!r:.80}")
        self.show(url, arguments, check_content)

    def show(self, url: ResponseUrl, arguments: Json, check_content: Callable[[Asked], None]) -> None:
        """Show an answer as its response_type says, or replace or delete the one before."""
        asked = Asked(self._world, "response_url", arguments, url.installation)
        if arguments.get("response_type", "ephemeral") not in {"ephemeral", "in_channel"}:
            raise SlackError("invalid_payload", "response_type")
        if arguments.get("delete_original"):
            self._delete(url)
            return
        check_content(asked)
        check_thread(url.channel, arguments.get("thread_ts"))
        if arguments.get("replace_original") and url.original:
            self._replace(asked, url.original)
            return
        public = arguments.get("response_type") == "in_channel"
        values = {"text": arguments.get("text", ""), "blocks": arguments.get("blocks", [])}
        message = Message(self._world.now_ts(), url.channel, url.installation.bot, **values)
        message.thread_ts, message.bot_id = arguments.get("thread_ts"), url.installation.bot_id
        message.ephemeral_to = None if public else url.user
        if public:
            url.channel.add(message)
            self._world.happened(message, "posted")
        else:
            url.channel.ephemerals.append(message)
        url.original = message
        self._world.look_for_pings(message, **arguments)

    def _replace(self, asked: Asked, message: Message) -> None:
        before = self._world.message_json(message)
        message.text, message.blocks = asked.get("text", ""), asked.get("blocks", [])
        self._world.look_for_pings(message, **asked.arguments)
        if message.ephemeral_to is None:
            self._world.happened(message, "changed", before)

    def _delete(self, url: ResponseUrl) -> None:
        message = url.original
        if message is None:
            raise SlackError("message_not_found")
        if message.ephemeral_to:
            url.channel.ephemerals.remove(message)
        else:
            url.channel.remove(message)
            self._world.happened(message, "deleted")
        url.original = None
