"""Streamed messages: started, appended to, stopped; five minutes of life."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack_blocks import check_blocks
from tests.fakes.slack_chat import add, check_metadata, check_thread, may_post, own, show
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_markdown import translated
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_values import Json, Message, Stream

_CALL = 12_000
_TASK_STATES = {"pending", "in_progress", "complete", "error"}


def _brought(asked: Asked) -> str:
    """The Markdown of one call, by markdown_text or by chunks, never both."""
    if "markdown_text" in asked.arguments and "chunks" in asked.arguments:
        raise SlackError("invalid_arguments", "markdown_text and chunks exclude each other")
    text = asked.get("markdown_text") or "".join(_chunk(each) for each in asked.get("chunks", []))
    if len(text) > _CALL:
        raise SlackError("msg_too_long", f"{len(text)} characters in one call")
    return str(text)


def _chunk(chunk: Any) -> str:
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    if kind == "markdown_text" and chunk.keys() == {"type", "text"} and isinstance(chunk["text"], str):
        return str(chunk["text"])
    if kind == "plan_update" and chunk.keys() == {"type", "title"} and len(chunk["title"]) <= 256:
        return ""
    if kind == "task_update" and {"id", "title", "status"} <= chunk.keys() <= _TASK and _short(chunk):
        return ""
    raise SlackError("invalid_chunks", f"{chunk!r:.80}")


_TASK = {"type", "id", "title", "status", "details", "output", "sources"}


def _short(chunk: Json) -> bool:
    texts = [chunk.get(name, "") for name in ("id", "title", "details", "output")]
    return chunk["status"] in _TASK_STATES and all(isinstance(text, str) and len(text) <= 256 for text in texts)


def _streaming(asked: Asked) -> Message:
    message = own(asked, "message_not_owned_by_app")
    if message.stream is None or not asked.world.streaming(message):
        stopped = message.stream is not None and message.stream.state == "stopped_by_user"
        raise SlackError("stopped_by_user" if stopped else "message_not_in_streaming_state")
    return message


def _grow(asked: Asked, message: Message, text: str) -> None:
    if len(message.markdown) + len(text) > asked.world.stream_characters:
        raise SlackError("msg_too_long", f"{len(message.markdown) + len(text)} characters in one streamed message")
    if len(translated(message.markdown + text)) > 50:
        raise SlackError("msg_blocks_too_many", "more than 50 blocks are made of what is streamed")
    message.markdown += text
    asked.world.look_for_pings(message)


@method(
    "chat.startStream",
    20,
    "chat:write",
    required="channel thread_ts",
    optional="markdown_text chunks recipient_user_id recipient_team_id task_display_mode username icon_emoji icon_url",
)
def start(asked: Asked) -> Json:
    world = asked.world
    if not world.native_streaming:
        raise SlackError(world.streaming_refusal)
    text = _brought(asked)
    if asked.get("task_display_mode", "timeline") not in {"timeline", "plan"}:
        raise SlackError("invalid_arguments", "task_display_mode")
    if {"username", "icon_emoji", "icon_url"} & asked.arguments.keys():
        asked.needs("chat:write.customize")
    if asked["channel"][:1] in {"U", "W"}:
        raise SlackError("channel_not_found")
    channel = asked.channel()
    may_post(asked, channel)
    check_thread(channel, asked["thread_ts"])
    if channel.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if not asked.get(name):
                raise SlackError(f"missing_{name}", "needed outside direct messages")
    if asked.get("recipient_user_id"):
        user = world.find_user(asked.installation, asked["recipient_user_id"])
        if asked.get("recipient_team_id") not in {None, user.team.id}:
            raise SlackError("invalid_arguments", "recipient_team_id is not the recipient's team")
    message = add(asked, channel, thread_ts=asked["thread_ts"], stream=Stream(world.clock()))
    _grow(asked, message, text)
    show(asked, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", 100, "chat:write", required="channel ts", optional="markdown_text chunks")
def append(asked: Asked) -> Json:
    text = _brought(asked)
    if not ("markdown_text" in asked.arguments or asked.get("chunks")):
        raise SlackError("no_text", "nothing to append")
    message = _streaming(asked)
    _grow(asked, message, text)
    asked.world.change()
    return {"channel": message.channel.id, "ts": message.ts}


@method(
    "chat.stopStream",
    20,
    "chat:write",
    required="channel ts",
    optional="markdown_text chunks blocks metadata session_status",
)
def stop(asked: Asked) -> Json:
    text = _brought(asked)
    if "blocks" in asked.arguments:
        check_blocks(asked["blocks"])
    check_metadata(asked.get("metadata"))
    if asked.get("session_status", "active") not in {"active", "processing", "suspended", "closed"}:
        raise SlackError("invalid_status")
    message = _streaming(asked)
    _grow(asked, message, text)
    assert message.stream is not None
    before = asked.world.message_json(message)
    message.stream.state = "completed"
    message.blocks, message.metadata = asked.get("blocks", []), asked.get("metadata", message.metadata)
    asked.world.look_for_pings(message)
    asked.world.happened(message, "changed", before)
    return {"channel": message.channel.id, "ts": message.ts, "message": asked.world.message_json(message)}
