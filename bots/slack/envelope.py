"""Pure: what Socket Mode wraps around a payload, and how it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from slack_bolt import BoltResponse
from slack_sdk.socket_mode.response import SocketModeResponse

from bots.slack.payload import Payload


@dataclass(frozen=True, slots=True)
class Envelope:
    """One payload, and how it is acknowledged. `headers` are those the same payload has over HTTP."""

    id: str
    payload: Payload
    takes_answer: bool
    headers: Mapping[str, str]


def envelope(frame: Payload) -> Envelope | None:
    """The envelope in a frame, if it is one."""
    match frame:
        case {"envelope_id": str(found), "payload": dict(inner)} if found:
            attempt, reason = frame.get("retry_attempt"), frame.get("retry_reason")
            headers = {}
            if isinstance(attempt, int) and attempt > 0:
                headers["x-slack-retry-num"] = str(attempt)
            if isinstance(reason, str) and reason:
                headers["x-slack-retry-reason"] = reason
            return Envelope(found, inner, frame.get("accepts_response_payload") is True, headers)
    return None


def acknowledgement(to: Envelope, answer: BoltResponse) -> SocketModeResponse | None:
    """What is sent back; None if the answer is no success, so that Slack sends the payload again."""
    if answer.status != 200:
        return None
    if not to.takes_answer or not answer.body:
        return SocketModeResponse(to.id)
    if not answer.first_headers().get("content-type", "").startswith("application/json"):
        return SocketModeResponse(to.id, {"text": answer.body})
    told = json.loads(answer.body)
    return SocketModeResponse(to.id, told if isinstance(told, dict) else None)
