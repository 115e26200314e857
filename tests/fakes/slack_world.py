"""The state of the fake Slack: who is there, what was posted, who installed the app; and its clock."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from tests.fakes.slack_blocks import pings
from tests.fakes.slack_errors import SlackError, Violation
from tests.fakes.slack_markdown import made, translated
from tests.fakes.slack_tiers import Tiers
from tests.fakes.slack_values import (
    App,
    Call,
    Channel,
    File,
    Installation,
    Json,
    Kind,
    Message,
    Team,
    Token,
    User,
    View,
)

SCOPES = frozenset({
    "app_mentions:read", "assistant:write", "channels:history", "channels:read", "chat:write", "commands", "files:read",
    "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write", "mpim:history", "mpim:read",
    "reactions:write", "team:read", "users:read",
})  # fmt: skip
SUBSCRIPTIONS = frozenset({
    "agent_session_stopped", "app_home_opened", "app_mention", "app_uninstalled", "channel_archive", "channel_deleted",
    "channel_id_changed", "channel_left", "channel_shared", "group_archive", "group_deleted", "group_left",
    "member_left_channel", "message.channels", "message.groups", "message.im", "message.mpim", "team_access_revoked",
    "tokens_revoked",
})  # fmt: skip
_ACCESS_SECONDS = 43_200
STREAM_SECONDS = 300
STATUS_SECONDS = 120


class World:
    """Teams, people, channels and installations, and everything that ever happened in them."""

    def __init__(self) -> None:
        self.app = App(
            "A0ASKREPO", "10.20", secrets.token_hex(16), secrets.token_hex(16), "xa" + f"pp-1-{secrets.token_hex(12)}"
        )
        self.base = ""
        self.teams: list[Team] = []
        self.users: dict[tuple[str, str], User] = {}
        self.channels: dict[tuple[str, str], Channel] = {}
        self.files: dict[str, File] = {}
        self.installations: list[Installation] = []
        self.views: dict[str, View] = {}
        self.tickets: dict[str, float] = {}
        self.triggers: dict[str, Any] = {}
        self.grants: dict[str, Any] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.calls: list[Call] = []
        self.tiers = Tiers()
        self.subscriptions: set[str] = set(SUBSCRIPTIONS)
        self.changed = asyncio.Event()
        self.stream_characters = 12_000  # of one message; undocumented, so the lowest of what people measured
        self.native_streaming = True
        self.restricted_history = False  # as for commercial apps outside the Marketplace: 1 read a minute, 15 posts
        self.streaming_refusal = "feature_disabled"
        self.listeners: list[Callable[[Message, str, Json | None], None]] = []
        self._broken: list[Violation] = []
        self._allowed: set[str] = set()
        self._may_ping: set[str] = set()
        self._pinged: set[tuple[str, str]] = set()
        self._numbers = count(1)
        self._ahead = 0.0
        self._frozen: float | None = None
        self._last = 0

    # time

    def clock(self) -> float:
        """Seconds; what streams, tiers, triggers, retries and tokens expire by."""
        return (time.monotonic() if self._frozen is None else self._frozen) + self._ahead

    def freeze(self) -> None:
        """From now on time passes by `advance` alone: no slow machine refills a tier or ends a trigger."""
        self._frozen = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Let the time of the fake pass; nothing waits."""
        self._ahead += seconds
        self.change()

    def now_ts(self) -> str:
        """The `ts` of something that happens now: never the same twice."""
        self._last = max(self._last + 1, int((time.time() + self._ahead) * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def change(self) -> None:
        """Wake everybody in `until`."""
        self.changed.set()

    def happened(self, message: Message, what: str, before: Json | None = None) -> None:
        """A post was "posted", "changed" or "deleted"; the app itself hears of it too."""
        for listener in self.listeners:
            listener(message, what, before)
        self.change()

    def streaming(self, message: Message) -> bool:
        """Whether the message still takes text: five minutes after its beginning it does not, whatever happened."""
        stream = message.stream
        return stream is not None and stream.state == "in_progress" and self.clock() < stream.began + STREAM_SECONDS

    def _streaming_state(self, message: Message) -> str:
        """As Slack words it; of a stream that ended by itself nothing is documented, and people see a broken one."""
        if message.stream and message.stream.state == "in_progress":
            return "in_progress" if self.streaming(message) else "errored"
        return "completed"

    async def until(self, seen: Callable[[], Any], seconds: float = 60.0) -> None:
        """Wait for `seen`; it is looked at after every change."""
        async with asyncio.timeout(seconds):
            while not seen():
                self.changed.clear()
                await self.changed.wait()

    # people and places

    def _id(self, letter: str) -> str:
        return f"{letter}0FAKE{next(self._numbers):05d}"

    def team(self, name: str = "acme", *, enterprise: str | None = None, team_id: str | None = None) -> Team:
        """A workspace; `enterprise` is the id of its grid."""
        self.teams.append(Team(team_id or self._id("T"), name, enterprise))
        return self.teams[-1]

    def user(self, team: Team, name: str = "alice", *, user_id: str | None = None, **flags: Any) -> User:
        """A person: `guest="restricted" | "ultra_restricted"`, `admin`, `owner`, `bot`, `stranger`, `deleted`."""
        user = User(user_id or self._id("U"), team, name, **flags)
        self.users[team.id, user.id] = user
        return user

    def channel(
        self,
        team: Team,
        name: str = "general",
        *members: User,
        kind: Kind = "public",
        bot: bool = True,
        shared_with: Iterable[Team] = (),
        channel_id: str | None = None,
        creator: User | None = None,
    ) -> Channel:
        """A conversation of these people, and of the team's bot unless `bot` is False."""
        letter = {"im": "D", "public": "C", "private": "C", "mpim": "G"}[kind]
        channel = Channel(channel_id or self._id(letter), team, name, kind, list(members), list(shared_with))
        channel.creator = creator or next(iter(members), None)
        channel.members += [each.bot for each in self.installations if bot and team in self.seen_by(each)]
        self.channels[team.id, channel.id] = channel
        return channel

    def dm(self, user: User, installation: Installation | None = None) -> Channel:
        """The direct channel of this person with the app; made on first use."""
        bot = (installation or self.installed(user.team)).bot
        for channel in self.channels.values():
            if channel.kind == "im" and set(channel.members) == {user, bot}:
                return channel
        return self.channel(user.team, "", user, bot, kind="im", bot=False)

    def file(self, user: User, name: str, content: str | bytes, mimetype: str = "text/plain") -> File:
        """A file for `says(…, files=[file])`; served only with a bot token that may see it."""
        octets = content.encode() if isinstance(content, str) else content
        file_id = self._id("F")
        url = f"{self.base}/files-pri/{user.team.id}-{file_id}/{name}"
        self.files[file_id] = File(file_id, name, octets, mimetype, user, user.team, url)
        return self.files[file_id]

    # installations

    def install(
        self, *teams: Team, scopes: Iterable[str] = SCOPES, enterprise: str | None = None, name: str = "askrepo"
    ) -> Installation:
        """The app in a workspace; with `enterprise` org-wide, acting in `teams`. Its bot joins nothing by itself."""
        again = [each for each in self.installations if each.alive and each.teams == list(teams)]
        if again:
            again[0].scopes |= set(scopes)
            self.issue(again[0])
            return again[0]
        bot = self.user(teams[0], name, bot=True)
        team = None if enterprise else teams[0]
        installation = Installation(
            team, enterprise or teams[0].enterprise_id, bot, self._id("B"), set(scopes), teams=list(teams)
        )
        self.installations.append(installation)
        self.issue(installation)
        return installation

    def issue(self, installation: Installation) -> Token:
        """A further access token; with rotation it lives 12 hours, and at most two are alive."""
        value = "xo" + f"xb-{next(self._numbers)}-{secrets.token_hex(12)}"
        if self.app.rotation:
            value = "xoxe." + value
            live = [token for token in installation.tokens if not token.revoked]
            for token in live[: len(live) - 1]:
                token.revoked = True
            installation.refresh_tokens["xo" + f"xe-1-{secrets.token_hex(12)}"] = False
        expires = self.clock() + _ACCESS_SECONDS if self.app.rotation else None
        installation.tokens.append(Token(value, installation, expires))
        return installation.tokens[-1]

    def installed(self, team: Team) -> Installation:
        """The living installation that acts in this team."""
        for installation in self.installations:
            if installation.alive and team in installation.teams:
                return installation
        raise LookupError(f"the app is not installed in {team.name}")

    def seen_by(self, installation: Installation) -> list[Team]:
        """The teams an installation acts in; none once it is uninstalled."""
        return installation.teams if installation.alive else []

    # what people see

    def thread(self, channel: Channel, ts: str) -> list[Message]:
        """The posts of a thread in order, its root first, as everybody in the channel sees them."""
        root = channel.messages.get(ts)
        return [*([root] if root else []), *channel.replies.get(ts, [])]

    def status(self, channel: Channel, ts: str) -> str:
        """What assistant.threads.setStatus shows in a thread; nothing after two minutes."""
        status, at = channel.statuses.get(ts, ("", 0.0))
        return status if self.clock() < at + STATUS_SECONDS else ""

    def posts(self, channel: Channel) -> list[Message]:
        """Every post of a channel, in order."""
        return list(channel.messages.values())

    def ephemerals(self, channel: Channel, user: User) -> list[Message]:
        """What only this person sees in the channel, in order."""
        return [each for each in channel.ephemerals if each.ephemeral_to is user]

    def home(self, user: User) -> View | None:
        """The Home tab that was published for this person."""
        return self.homes.get((user.team.id, user.id))

    def modal(self, user: User) -> View | None:
        """The uppermost open modal of this person."""
        return next((each for each in reversed(self.views.values()) if each.user is user), None)

    def called(self, method: str) -> list[Call]:
        """The calls of one method, in order."""
        return [call for call in self.calls if call.method == method]

    # what must not be

    @property
    def violations(self) -> list[Violation]:
        """Documented limits that were broken, but for those the test allows."""
        return [each for each in self._broken if each.code not in self._allowed]

    def violated(self, code: str, where: str, detail: str = "") -> None:
        """Record a broken limit."""
        self._broken.append(Violation(code, where, detail))

    def allows(self, *codes: str) -> None:
        """The test means to provoke these: Slack's error codes, or the fake's own (see `violations`)."""
        self._allowed |= set(codes)

    def allows_pings_of(self, *users: User) -> None:
        """These people may be mentioned by the bot."""
        self._may_ping |= {user.id for user in users}

    def look_for_pings(self, message: Message, **arguments: Any) -> None:
        """A bot's post that notifies somebody is a violation, once for each post and person."""
        text = "" if message.blocks and not message.markdown else message.markdown or message.text
        if arguments.get("link_names") or arguments.get("parse") == "full":
            self.violated("ping", message.ts, "link_names and parse=full turn plain names into pings")
        for ping in pings(text, message.blocks) - self._may_ping - {message.author.id}:
            if (message.ts, ping) not in self._pinged and message.ephemeral_to is None:
                self._pinged.add((message.ts, ping))
                self.violated("ping", f"{message.channel.id} {message.ts}", ping)

    # look-ups on behalf of an installation

    def find_channel(self, installation: Installation, channel_id: str, team_id: str = "") -> Channel:
        """The conversation as this installation may know it, or channel_not_found."""
        teams = [team for team in installation.teams if team_id in {"", team.id}]
        found = [
            channel
            for channel in self.channels.values()
            if channel.id == channel_id and any(team in {channel.team, *channel.shared_with} for team in teams)
        ]
        if len(found) > 1:
            raise SlackError("missing_argument", "team_id: that id exists in several workspaces of the organisation")
        if not found or (found[0].kind != "public" and installation.bot not in found[0].members):
            raise SlackError("channel_not_found")
        return found[0]

    def find_user(self, installation: Installation, user_id: str) -> User:
        """A person of the workspace, or whom the workspace shares a channel with."""
        for user in self.users.values():
            if user.id == user_id and (user.team in installation.teams or self._meets(installation, user)):
                return user
        raise SlackError("user_not_found")

    def _meets(self, installation: Installation, user: User) -> bool:
        teams = set(installation.teams)
        return any(user in each.members and teams & {each.team, *each.shared_with} for each in self.channels.values())

    def find_message(self, channel: Channel, ts: str) -> Message:
        """The post, or message_not_found."""
        if ts not in channel.messages:
            raise SlackError("message_not_found")
        return channel.messages[ts]

    def message_json(self, message: Message) -> Json:
        """As events, interactions and conversations.replies show it."""
        words = message.markdown or message.text
        shown: Json = {"type": "message", "user": message.author.id, "ts": message.ts, "text": words}
        shown["team"] = message.author.team.id
        optional: Json = {
            "subtype": message.subtype,
            "bot_id": message.bot_id,
            "app_id": message.app_id,
            "client_msg_id": message.client_msg_id,
            "blocks": [*translated(message.markdown), *made(message.blocks)],
            "attachments": message.attachments,
            "files": [file.stub() if message.channel.shared_with else file.public() for file in message.files],
            "thread_ts": message.thread_ts,
            "streaming_state": message.stream and self._streaming_state(message),
            "edited": message.edited and {"user": message.author.id, "ts": message.edited},
        }
        root = message.channel.messages.get(message.thread_ts or "")
        if root and root is not message:
            optional["parent_user_id"] = root.author.id
        replies = message.channel.replies.get(message.ts)
        if replies:
            optional |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
        return shown | {name: value for name, value in optional.items() if value}
