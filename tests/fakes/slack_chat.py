"""chat.postMessage and its kin, without streaming."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.slack_blocks import check_blocks
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_tiers import SPECIAL
from tests.fakes.slack_values import Channel, Json, Message

_TS = re.compile(r"\d{10,}\.\d{6}")
_UPDATE_TEXT = 4_000
POST_TEXT = 40_000
_MARKDOWN = 12_000
_METADATA = 16_000


def check_ts(value: str, code: str = "invalid_arguments") -> str:
    """Refuse what is no timestamp of a message."""
    if not _TS.fullmatch(value):
        raise SlackError(code, f"{value!r} is no message timestamp")
    return value


def check_metadata(metadata: Json | None) -> None:
    """event_type and event_payload, nothing else, up to 16,000 octets."""
    if metadata is None:
        return
    if metadata.keys() != {"event_type", "event_payload"} or not isinstance(metadata["event_payload"], dict):
        raise SlackError("invalid_metadata_format", "event_type and event_payload are needed")
    if not isinstance(metadata["event_type"], str) or not re.fullmatch(r"\w{1,255}", metadata["event_type"]):
        raise SlackError("invalid_metadata_schema", f"event_type {metadata['event_type']!r}")
    if len(json.dumps(metadata)) > _METADATA:
        raise SlackError("metadata_too_large", "over 16,000 octets")


def check_content(asked: Asked, most: int = POST_TEXT) -> None:
    """One representation, within its limit."""
    text, markdown, blocks = asked.get("text"), asked.get("markdown_text"), asked.get("blocks")
    if markdown is not None and (text is not None or blocks is not None):
        raise SlackError("markdown_text_conflict", "markdown_text excludes text and blocks")
    if blocks is not None:
        check_blocks(blocks)
    if markdown is not None and len(markdown) > _MARKDOWN:
        raise SlackError("msg_too_long", f"markdown_text of {len(markdown)} characters")
    if text is not None and len(text) > most:
        raise SlackError("msg_too_long", f"text of {len(text)} characters")
    if not (text or markdown or blocks):
        raise SlackError("no_text")
    if blocks and not text:
        asked.world.violated("missing_text", asked.method, "blocks without the text of the notification")
    if asked.get("username") is not None or asked.get("icon_emoji") is not None or asked.get("icon_url") is not None:
        asked.needs("chat:write.customize")
    check_metadata(asked.get("metadata"))


def may_post(asked: Asked, channel: Channel) -> None:
    """Refuse where the bot may not speak."""
    if channel.archived:
        raise SlackError("is_archived")
    public = channel.kind == "public" and "chat:write.public" in asked.installation.scopes
    if asked.installation.bot not in channel.members and not public:
        raise SlackError("not_in_channel")


def check_thread(channel: Channel, thread_ts: str | None, code: str = "invalid_thread_ts") -> None:
    """A thread is named by its root, which exists, and not by a reply."""
    if thread_ts is None:
        return
    check_ts(thread_ts, code)
    root = channel.messages.get(thread_ts)
    if root is None:
        raise SlackError("thread_not_found")
    if root.thread_ts not in {None, root.ts}:
        raise SlackError(code, "the thread_ts of a reply, not of the thread's root")


def add(asked: Asked, channel: Channel, **values: Any) -> Message:
    """A post of the app's bot."""
    world = asked.world
    message = Message(world.now_ts(), channel, asked.installation.bot, **values)
    message.bot_id, message.app_id = asked.installation.bot_id, world.app.id
    return message


@method(
    "chat.postMessage",
    SPECIAL,
    "chat:write",
    required="channel",
    optional="text blocks markdown_text thread_ts reply_broadcast unfurl_links unfurl_media parse link_names mrkdwn "
    "metadata username icon_emoji icon_url",
)
def post_message(asked: Asked) -> Json:
    check_content(asked)
    world = asked.world
    if asked["channel"][:1] in {"U", "W"}:
        channel = world.dm(world.find_user(asked.installation, asked["channel"]), asked.installation)
    else:
        channel = asked.channel()
    may_post(asked, channel)
    check_thread(channel, asked.get("thread_ts"))
    message = add(
        asked,
        channel,
        text=asked.get("text", ""),
        markdown=asked.get("markdown_text", ""),
        blocks=asked.get("blocks", []),
        thread_ts=asked.get("thread_ts"),
        metadata=asked.get("metadata"),
        broadcast=asked.get("reply_broadcast", False),
    )
    show(asked, message)
    return {"channel": channel.id, "ts": message.ts, "message": world.message_json(message)}


def show(asked: Asked, message: Message) -> None:
    """Put a post where everybody sees it; it ends the thread's status."""
    message.channel.add(message)
    message.channel.statuses.pop(message.root_ts, None)
    asked.world.look_for_pings(message, **asked.arguments)
    asked.world.happened(message, "posted")


@method(
    "chat.update",
    50,
    "chat:write",
    required="channel ts",
    optional="text blocks markdown_text parse link_names metadata file_ids reply_broadcast",
)
def update(asked: Asked) -> Json:
    message = own(asked, "cant_update_message")
    if message.stream and message.stream.state == "in_progress" and asked.world.streaming(message):
        raise SlackError("streaming_state_conflict", "the message is still streaming")
    check_content(asked, _UPDATE_TEXT)
    posted = "markdown" if message.markdown else "blocks" if message.blocks else "text"
    if not message.stream and posted != "text" and ("markdown_text" in asked.arguments) != (posted == "markdown"):
        raise SlackError("block_mismatch", f"the message was posted as {posted}")
    if message.blocks and "blocks" not in asked.arguments and "markdown_text" not in asked.arguments:
        asked.world.violated(
            "missing_blocks", asked.method, "text alone: what becomes of the old blocks is undocumented"
        )
    before = asked.world.message_json(message)
    message.text, message.markdown = asked.get("text", ""), asked.get("markdown_text", "")
    message.blocks = asked.get("blocks", [])
    message.metadata = asked.get("metadata", message.metadata)
    message.edited = asked.world.now_ts()
    asked.world.look_for_pings(message, **asked.arguments)
    asked.world.happened(message, "changed", before)
    shown = asked.world.message_json(message)
    return {"channel": message.channel.id, "ts": message.ts, "text": message.text, "message": shown}


def own(asked: Asked, otherwise: str) -> Message:
    """The call's message, which must be the bot's own."""
    if asked["channel"][:1] in {"U", "W"}:
        raise SlackError("channel_not_found", "a person's id; the direct channel's own id is needed")
    channel = asked.channel()
    if asked.installation.bot not in channel.members:
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    message = asked.world.find_message(channel, check_ts(asked["ts"]))
    if message.author is not asked.installation.bot:
        raise SlackError(otherwise)
    return message


@method("chat.delete", 50, "chat:write", required="channel ts")
def delete(asked: Asked) -> Json:
    message = own(asked, "cant_delete_message")
    message.channel.remove(message)
    asked.world.happened(message, "deleted")
    return {"channel": message.channel.id, "ts": message.ts}


@method(
    "chat.postEphemeral",
    100,
    "chat:write",
    required="channel user",
    optional="text blocks markdown_text thread_ts parse link_names username icon_emoji icon_url",
)
def post_ephemeral(asked: Asked) -> Json:
    check_content(asked)
    channel = asked.channel()
    may_post(asked, channel)
    user = asked.world.find_user(asked.installation, asked["user"])
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    check_thread(channel, asked.get("thread_ts"))
    message = add(
        asked,
        channel,
        text=asked.get("text", ""),
        markdown=asked.get("markdown_text", ""),
        blocks=asked.get("blocks", []),
        thread_ts=asked.get("thread_ts"),
        ephemeral_to=user,
    )
    root = asked.get("thread_ts")
    # Slack shows what is private in a thread only if that has replies already, says the page of chat.postEphemeral
    if root is None or any(each.thread_ts == root and ts != root for ts, each in channel.messages.items()):
        channel.ephemerals.append(message)
    return {"message_ts": message.ts}


@method("chat.getPermalink", SPECIAL, required="channel message_ts")
def permalink(asked: Asked) -> Json:
    channel = asked.channel()
    message = asked.world.find_message(channel, check_ts(asked["message_ts"]))
    thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
    number = message.ts.replace(".", "")
    link = f"https://{channel.team.name}.slack.com/archives/{channel.id}/p{number}{thread}"
    return {"channel": channel.id, "permalink": link}
