"""What the code uses of Slack: methods, events, and the scopes they need. The manifest asks for exactly these.

Scopes are those that Slack's page of each method and event lists for a bot token.
"""

from __future__ import annotations

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")

METHODS: dict[str, tuple[str, ...]] = {
    "apps.connections.open": (),  # by the app-level token, whose connections:write is granted where it is made
    "assistant.threads.setStatus": ("chat:write",),
    "auth.test": (),
    "chat.appendStream": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.startStream": ("chat:write",),
    "chat.stopStream": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.history": _HISTORY,
    "conversations.info": _READ,
    "conversations.open": ("im:write",),
    "conversations.replies": _HISTORY,
    "files.completeUploadExternal": ("files:write",),
    "files.delete": ("files:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.info": ("files:read",),
    "oauth.v2.access": (),
    "users.info": ("users:read",),
    "views.open": (),
    "views.publish": (),
    "views.update": (),
}

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
)

SCOPES: tuple[str, ...] = tuple(
    sorted({*_SURFACES, *(scope for needed in (*METHODS.values(), *EVENTS.values()) for scope in needed)})
)
