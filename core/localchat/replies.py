"""What /chat sends: a completion, or the events of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MODEL = "askrepo-extractive"
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"

_PIECE = re.compile(r"\n+|[^\n]{1,60}(?:\s|$)|[^\n]{1,60}")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer under its id; `created` in Unix seconds."""

    id: str
    created: int

    def whole(self, text: str) -> dict[str, Any]:
        """The `chat.completion`. No usage: there are no tokens, and words are none."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return self._envelope("chat.completion") | {"choices": [choice], "usage": None}

    def opening(self) -> bytes:
        """The first event, with the role alone."""
        return self._event({"role": "assistant", "content": ""}, None)

    def events(self, text: str) -> Iterator[bytes]:
        """The events of a whole answer, the end included."""
        for piece in pieces(text):
            yield self._event({"content": piece}, None)
        yield self._event({}, "stop")
        yield DONE

    def _event(self, delta: dict[str, str], finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return event(self._envelope("chat.completion.chunk") | {"choices": [choice]})

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL, "system_fingerprint": None}


def event(content: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(content)}\n\n".encode("ascii")  # readers differ on which characters end a line


def pieces(text: str) -> list[str]:
    """The text in pieces of a few words, at most a line each; joined they are the text again."""
    return _PIECE.findall(text)
