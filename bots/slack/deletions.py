"""Pure: what a post that is deleted had asked. Where it could not be delivered, it may come yet."""

from __future__ import annotations

from collections.abc import Mapping

from bots.fields import mapping
from bots.slack.incoming import Asked, of_event


def asked(envelope: Mapping[str, object]) -> Asked | None:
    """The question that the post had been, as its own event would have told of it; None where it had been none."""
    event = mapping(envelope.get("event"))
    post = {**mapping(event.get("previous_message")), "type": "message"}
    place = {name: event.get(name) for name in ("channel", "channel_type")}
    found = of_event({**envelope, "event": post | place})
    return found if isinstance(found, Asked) else None
