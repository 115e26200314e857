"""The methods of Slack's Web API that the code calls: what each needs, and how often it may be called.

Scopes are those that Slack's page of the method lists for a bot token; paces stay a little below its tier, since Slack
counts in windows of its own and other calls of the app count too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.relay.line import Pace

_TIER_2, _TIER_3, _TIER_4 = Pace(15, 4), Pace(40, 8), Pace(80, 15)
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


@dataclass(frozen=True, slots=True)
class Method:
    """`pace` is None for what `Calls` does not call. What only `reads` has no effect, and may be tried again."""

    scopes: tuple[str, ...] = ()
    pace: Pace | None = None
    reads: bool = False


METHODS = {
    "apps.connections.open": Method(),  # by the app-level token, whose connections:write is granted where it is made
    "auth.test": Method(),
    "chat.appendStream": Method(("chat:write",), _TIER_4),
    "chat.delete": Method(("chat:write",), _TIER_3),
    "chat.postEphemeral": Method(("chat:write",), _TIER_4),
    "chat.postMessage": Method(("chat:write",), Pace(200, 20)),
    "chat.startStream": Method(("chat:write",), replace(_TIER_2, patient=False)),  # a post is as good a beginning
    "chat.stopStream": Method(("chat:write",), _TIER_2),
    "chat.update": Method(("chat:write",), _TIER_3),
    "conversations.history": Method(_HISTORY, _TIER_3, reads=True),
    "conversations.info": Method(_READ, _TIER_3, reads=True),
    "conversations.replies": Method(_HISTORY, _TIER_3, reads=True),
    "files.completeUploadExternal": Method(("files:write",), _TIER_4),
    "files.delete": Method(("files:write",), _TIER_3),
    "files.getUploadURLExternal": Method(("files:write",), _TIER_4, reads=True),
    "files.info": Method(("files:read",), _TIER_4, reads=True),
    "oauth.v2.access": Method(),
    "users.info": Method(("users:read",), _TIER_4, reads=True),
    "views.open": Method((), _TIER_4),
    "views.publish": Method((), _TIER_4),
    "views.update": Method((), _TIER_4),
}
IN_CHANNEL = Pace(50, 5)  # posts: about one a second and channel
