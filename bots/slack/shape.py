"""Pure: whether a payload has the types that Bolt takes for granted when it looks for people, places and listeners."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bots.slack.payload import Payload

_Text: TypeAlias = str | None

_CORES = {"event_callback": "event", "block_actions": "actions", "view_submission": "view", "view_closed": "view"}


class _Part(BaseModel):
    """A payload, or an object in it: nothing is required, and what is not named here may be anything."""

    model_config = ConfigDict(strict=True)

    type: str = ""
    command: str = ""
    callback_id: str = ""
    action_id: str = ""
    subtype: _Text = None
    id: _Text = None
    enterprise_id: _Text = None
    team_id: _Text = None
    app_installed_team_id: _Text = None
    channel_id: _Text = None
    user_id: _Text = None
    user_team: _Text = None
    thread_ts: _Text = None
    enterprise: str | _Part | None = None
    team: str | _Part | None = None
    channel: str | _Part | None = None
    user: str | _Part | None = None
    authorizations: list[_Part] | None = None
    actions: Annotated[list[_Action], Field(min_length=1)] = []
    response_urls: list[_Part] | None = None
    event: _Part | None = None
    view: _Part | None = None
    item: _Part | None = None
    message: _Part | None = None
    previous_message: _Part | None = None
    assistant_thread: _Part | None = None
    function_data: _Part | None = None


class _Action(BaseModel):
    """What was pressed or chosen."""

    model_config = ConfigDict(strict=True)

    type: str
    action_id: str
    block_id: str = ""


def fits(payload: Payload) -> bool:
    """Whether the types are Slack's."""
    core = _CORES.get(str(payload.get("type")))
    if core is not None and not payload.get(core):
        return False
    if "event" in payload and not payload["event"]:
        return False  # Bolt looks into an event that is there, whatever the type
    try:
        _Part.model_validate(payload)
    except ValidationError:
        return False
    return True
