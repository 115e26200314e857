"""What a Slack consists of: teams, users, channels, messages, files, views, installations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.slack_blocks import buttons, flatten

Json = dict[str, Any]
Kind = Literal["public", "private", "im", "mpim"]


@dataclass(eq=False)
class Team:
    """A workspace; `enterprise_id` where it belongs to a grid."""

    id: str
    name: str
    enterprise_id: str | None = None


@dataclass(eq=False)
class User:
    """A person or a bot. `guest`: "" | "restricted" (several channels) | "ultra_restricted" (one channel)."""

    id: str
    team: Team
    name: str
    guest: str = ""
    admin: bool = False
    owner: bool = False
    bot: bool = False
    stranger: bool = False
    deleted: bool = False

    def __str__(self) -> str:
        return f"<@{self.id}>"

    def public(self) -> Json:
        """As users.info shows it."""
        grid = {"enterprise_user": {"id": self.id, "is_admin": False, "is_owner": False}}
        return {
            "id": self.id,
            "team_id": self.team.id,
            "name": self.name,
            "real_name": self.name.title(),
            "deleted": self.deleted,
            "is_bot": self.bot,
            "is_app_user": False,
            "is_admin": self.admin or self.owner,
            "is_owner": self.owner,
            "is_primary_owner": False,
            "is_restricted": bool(self.guest),
            "is_ultra_restricted": self.guest == "ultra_restricted",
            **({"is_stranger": True} if self.stranger else {}),
            "profile": {"display_name": self.name, "real_name": self.name.title(), "team": self.team.id},
            **(grid if self.team.enterprise_id else {}),
        }


@dataclass(eq=False)
class Channel:
    """A conversation. `shared_with`: the other organisations' teams of a Slack Connect channel."""

    id: str
    team: Team
    name: str
    kind: Kind = "public"
    members: list[User] = field(default_factory=list)
    shared_with: list[Team] = field(default_factory=list)
    archived: bool = False
    org_shared: bool = False
    creator: User | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)
    replies: dict[str, list[Message]] = field(default_factory=dict)  # of each thread, by its root's ts
    statuses: dict[str, tuple[str, float]] = field(default_factory=dict)  # of each thread, with its time

    def add(self, message: Message) -> None:
        """A post appears."""
        self.messages[message.ts] = message
        if message.thread_ts not in {None, message.ts}:
            self.replies.setdefault(message.root_ts, []).append(message)

    def remove(self, message: Message) -> None:
        """A post is gone."""
        del self.messages[message.ts]
        if message in self.replies.get(message.root_ts, []):
            self.replies[message.root_ts].remove(message)

    def __str__(self) -> str:
        return f"<#{self.id}|{self.name if self.kind == 'public' else ''}>"

    @property
    def type(self) -> str:
        """`channel_type` of the message events."""
        return {"public": "channel", "private": "group"}.get(self.kind, self.kind)

    @property
    def scope(self) -> str:
        """The prefix of this kind's scopes, as in channels:read."""
        return {"public": "channels", "private": "groups"}.get(self.kind, self.kind)

    def public(self) -> Json:
        """As conversations.info shows it."""
        shown: Json = {
            "id": self.id,
            "created": 1700000000,
            "is_archived": self.archived,
            "context_team_id": self.team.id,
        }
        shown |= {
            "is_channel": self.kind in {"public", "private"},
            "is_group": self.kind == "private",
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "public",
            "is_ext_shared": bool(self.shared_with),
            "is_org_shared": self.org_shared,
            "is_shared": bool(self.shared_with) or self.org_shared,
            "is_pending_ext_shared": False,
        }
        if self.kind == "im":
            people = [member.id for member in self.members if not member.bot]
            return {**shown, "user": people[0] if people else ""}
        shared = (
            {"shared_team_ids": [self.team.id, *(team.id for team in self.shared_with)]} if self.shared_with else {}
        )
        creator = self.creator.id if self.creator else ""
        return {**shown, **shared, "name": self.name, "name_normalized": self.name, "creator": creator}


@dataclass(eq=False)
class File:
    """A file; `url` needs the bot token of somebody who can see it."""

    id: str
    name: str
    content: bytes
    mimetype: str
    owner: User | None
    team: Team
    url: str
    title: str = ""
    channels: list[Channel] = field(default_factory=list)
    length: int | None = None  # announced for an upload, until it is complete

    def stub(self) -> Json:
        """As messages of channels show it that organisations share: the rest is to be asked for."""
        return {"id": self.id, "mode": "file_access", "file_access": "check_file_info", "created": 0, "user": ""}

    def public(self) -> Json:
        """As events and files.info show it."""
        return {
            "id": self.id,
            "created": 1700000000,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2] or "text",
            "user": self.owner.id if self.owner else "",
            "user_team": self.team.id,
            "editable": self.mimetype.startswith("text/"),
            "size": len(self.content),
            "mode": "snippet" if self.mimetype == "text/plain" else "hosted",
            "is_external": False,
            "is_public": any(channel.kind == "public" for channel in self.channels),
            "url_private": self.url,
            "url_private_download": f"{self.url}?download=1",
            "permalink": f"https://{self.team.name}.slack.com/files/{self.id}",
            "file_access": "visible",
        }


@dataclass(eq=False)
class Stream:
    """The streaming state of a message."""

    began: float
    state: Literal["in_progress", "completed", "stopped_by_user"] = "in_progress"


@dataclass(eq=False)
class Message:
    """A post. `text` as it was sent; `markdown` what markdown_text and streams brought; `ephemeral_to` one person."""

    ts: str
    channel: Channel
    author: User
    text: str = ""
    markdown: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    subtype: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    files: list[File] = field(default_factory=list)
    stream: Stream | None = None
    edited: str | None = None
    broadcast: bool = False
    ephemeral_to: User | None = None
    reactions: set[tuple[str, str]] = field(default_factory=set)  # (name, user id)
    client_msg_id: str | None = None

    @property
    def root_ts(self) -> str:
        """The thread that a reply to this belongs to."""
        return self.thread_ts or self.ts

    @property
    def body(self) -> str:
        """The Markdown that is shown: streamed, or in markdown blocks; else the plain text of sections, or the text."""
        joined = "".join(block["text"] for block in self.blocks if block["type"] == "markdown")
        sections = [block.get("text", {}) for block in self.blocks if block["type"] == "section"]
        joined = joined or "".join(each["text"] for each in sections if each.get("type") == "plain_text")
        return self.markdown + joined or self.text

    @property
    def shown(self) -> str:
        """Everything a reader sees, blocks flattened, without the labels of buttons."""
        parts = [self.markdown, flatten(self.blocks)] if self.blocks or self.markdown else [self.text]
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> list[Json]:
        """The interactive elements, in order."""
        return buttons(self.blocks)


@dataclass(eq=False)
class View:
    """An open modal or a Home tab."""

    id: str
    team: Team
    user: User
    content: Json
    hash: str
    root: str
    previous: View | None = None

    @property
    def shown(self) -> str:
        """Everything a reader sees."""
        return flatten(self.content.get("blocks", []))


@dataclass(eq=False)
class Token:
    """An access token. `expires`: on the fake's clock."""

    value: str
    installation: Installation
    expires: float | None = None
    revoked: bool = False


@dataclass(eq=False)
class Installation:
    """The app in a workspace, or (`team` is None) in a whole organisation."""

    team: Team | None
    enterprise_id: str | None
    bot: User
    bot_id: str
    scopes: set[str]
    tokens: list[Token] = field(default_factory=list)
    refresh_tokens: dict[str, bool] = field(default_factory=dict)  # value → used
    teams: list[Team] = field(default_factory=list)
    alive: bool = True

    @property
    def token(self) -> str:
        """The newest access token."""
        return self.tokens[-1].value


@dataclass
class App:
    """The app's own credentials, made up at run time. `rotation`: tokens expire after 12 hours."""

    id: str
    client_id: str
    client_secret: str
    signing_secret: str
    app_token: str
    redirect_uris: set[str] = field(default_factory=set)
    rotation: bool = False
    socket_mode: bool = True


@dataclass(frozen=True)
class Call:
    """One request to the Web API as it arrived, and what it got. `at`: on the fake's clock."""

    method: str
    token: str
    team_id: str
    arguments: Json
    at: float
    answer: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.answer.get("ok"))
