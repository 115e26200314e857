"""The events the code hears, and all scopes it needs. The manifest asks for exactly these.

Scopes are those that Slack's page of each event lists for a bot token.
"""

from __future__ import annotations

from bots.slack.methods import METHODS

# not among them: user_change, which comes with every change of anybody's status and would eat up Slack's 30,000
# deliveries an hour in a large workspace
EVENTS: dict[str, tuple[str, ...]] = {
    "agent_session_stopped": ("chat:write",),
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "app_uninstalled": (),
    "channel_archive": ("channels:read",),
    "channel_deleted": ("channels:read",),
    "channel_id_changed": (),
    "channel_left": ("channels:read",),
    "channel_shared": ("channels:read", "groups:read"),
    "group_archive": ("groups:read",),
    "group_deleted": ("groups:read",),
    "group_left": ("groups:read",),
    "member_left_channel": ("channels:read", "groups:read"),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "message.mpim": ("mpim:history",),
    "team_access_revoked": (),
    "tokens_revoked": (),
}

_SURFACES = (
    "commands",  # /askrepo, and the shortcut of a message
    "files:read",  # what stands behind `url_private` of a file in a message
    "im:write",  # a post to a person opens the conversation with them
)

_NEEDED = [*(method.scopes for method in METHODS.values()), *EVENTS.values()]
SCOPES: tuple[str, ...] = tuple(sorted({*_SURFACES, *(scope for needed in _NEEDED for scope in needed)}))
