"""What the fake Discord is made of: people, guilds, channels, threads, messages. Ids are decimal strings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Files = dict[str, tuple[str, bytes, str]]  # by the name of the part: file name, content, content type

TEXT, DM, VOICE, GROUP_DM, CATEGORY, ANNOUNCEMENT = 0, 1, 2, 3, 4, 5
ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD, FORUM, MEDIA = 10, 11, 12, 15, 16
THREADS = frozenset({ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD})

DEFAULT, THREAD_CREATED, REPLY, COMMAND, STARTER, CONTEXT_COMMAND = 0, 18, 19, 20, 21, 23
SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING, SILENT, COMPONENTS_V2 = (
    1 << 2,
    1 << 5,
    1 << 6,
    1 << 7,
    1 << 12,
    1 << 15,
)
REQUIRE_TAG = 1 << 4  # of a forum channel


@dataclass(eq=False)
class User:
    """A person or bot; `f"{user}"` mentions it."""

    id: str
    name: str
    bot: bool = False
    display: str | None = None
    dms_open: bool = True

    def __str__(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    """A role of a guild; the one with the guild's id is @everyone. `f"{role}"` mentions it."""

    id: str
    name: str
    permissions: int
    position: int = 0
    mentionable: bool = False
    bot: User | None = None  # whose managed role it is

    def __str__(self) -> str:
        return f"<@&{self.id}>"


@dataclass(eq=False)
class Member:
    """A user in a guild."""

    user: User
    joined_at: str
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None


@dataclass(eq=False)
class Guild:
    """A server. `available` False is an outage of Discord's."""

    id: str
    name: str
    owner: User
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    available: bool = True

    @property
    def everyone(self) -> Role:
        """The role that all have."""
        return self.roles[self.id]


@dataclass(eq=False)
class Overwrite:
    """What a role (type 0) or member (type 1) may in one channel beside what it may in the guild."""

    id: str
    type: int
    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Thread:
    """What makes a channel a thread."""

    owner: User
    created: str
    archive_at: str
    auto_archive_duration: int = 1440
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    members: dict[str, str] = field(default_factory=dict)  # user id: since when
    applied_tags: list[str] = field(default_factory=list)
    sent: int = 0


@dataclass(eq=False)
class Channel:
    """A channel, a thread, or a DM (`guild` is None, `recipients` are the people in it). `f"{channel}"` links it."""

    id: str
    guild: Guild | None
    name: str
    type: int = TEXT
    parent: Channel | None = None
    overwrites: list[Overwrite] = field(default_factory=list)
    recipients: list[User] = field(default_factory=list)
    thread: Thread | None = None
    topic: str | None = None
    flags: int = 0
    tags: list[Json] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)

    def __str__(self) -> str:
        return f"<#{self.id}>"

    @property
    def archived(self) -> bool:
        """Whether it is a thread that is closed."""
        return self.thread is not None and self.thread.archived

    @property
    def place(self) -> Channel:
        """The channel whose overwrites hold here: a thread's parent."""
        return self.parent if self.thread and self.parent else self


@dataclass(eq=False)
class Attachment:
    """A file of a message; its content is served at `url`."""

    id: str
    filename: str
    content: bytes
    content_type: str
    url: str = ""
    description: str | None = None


@dataclass(eq=False)
class Message:
    """A message as it stands now. `deleted` stays true on an object a test still holds."""

    id: str
    channel: Channel
    author: User
    content: str
    at: str
    type: int = DEFAULT
    flags: int = 0
    nonce: str | int | None = None
    edited_at: str | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[Role] = field(default_factory=list)
    mention_everyone: bool = False
    reference: Message | None = None
    reference_ids: tuple[str, str] | None = None  # message and channel, where the message itself is gone
    answers: Json | None = None  # interaction_metadata
    webhook_id: str | None = None
    application_id: str | None = None
    ephemeral_to: User | None = None
    thread: Channel | None = None  # the one that was started from it
    position: int | None = None
    pinned: bool = False
    old_edits: int = 0  # when it was older than an hour
    deleted: bool = False

    def __str__(self) -> str:
        return f"{self.author.name}: {self.content}"

    @property
    def buttons(self) -> dict[str, str]:
        """The custom_id by label of every button on it."""
        found = [each for row in self.components for each in row.get("components", [])]
        return {each.get("label", ""): each.get("custom_id", "") for each in found if each["type"] == 2}


@dataclass(eq=False)
class Interaction:
    """Something a person did with the app's commands, buttons or forms, and how the app answered.

    `answered` is the type of the first answer (0: none yet), `answered_after` the seconds it took on the fake's clock,
    `answer` the whole of it.
    """

    id: str
    token: str
    type: int
    user: User
    channel: Channel
    data: Json
    at: float
    owners: Json
    message: Message | None = None  # the one with the component, also of a form that a component opened
    opener: Interaction | None = None  # what the form was an answer to
    answered: int = 0
    answered_after: float = 0.0
    answer: Json | None = None
    ephemeral: bool = False
    original: Message | None = None
    follow_ups: list[Message] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)

    @property
    def user_install_only(self) -> bool:
        """Whether the app is not in the place where it was used."""
        return "0" not in self.owners

    @property
    def shown(self) -> str:
        """The content of the original answer as it is now; "" where there is none or it is still to come."""
        return self.original.content if self.original and not self.original.deleted else ""

    def messages(self) -> list[Message]:
        """What was answered: the original and the follow-ups."""
        return [*([self.original] if self.original else []), *self.follow_ups]

    def metadata(self) -> Json:
        """The interaction_metadata of its messages."""
        person: Json = {"id": self.user.id, "username": self.user.name, "discriminator": "0", "avatar": None}
        person |= {"global_name": self.user.display, "public_flags": 0, "flags": 0, "primary_guild": None}
        shown: Json = {
            "id": self.id,
            "type": self.type,
            "user": person,
            "authorizing_integration_owners": self.owners,
        }
        if self.type == 3 and self.message:
            shown["interacted_message_id"] = self.message.id
        if self.type == 2:
            shown |= {"name": self.data["name"], "command_type": self.data["type"]}
        if self.opener:
            shown["triggering_interaction_metadata"] = self.opener.metadata()
        return shown


@dataclass(eq=False)
class Modal:
    """A form that is open before somebody's eyes."""

    interaction: Interaction
    custom_id: str
    title: str
    components: list[Json]

    @property
    def inputs(self) -> dict[str, Json]:
        """The inputs by custom_id."""
        found = {}
        for each in self.components:
            inner = each["components"][0] if each["type"] == 1 else each.get("component")
            if inner:
                found[inner["custom_id"]] = inner
        return found

    @property
    def labels(self) -> dict[str, str]:
        """What stands above each input, by its custom_id."""
        found = {}
        for each in self.components:
            if each["type"] == 1:
                found[each["components"][0]["custom_id"]] = each["components"][0]["label"]
            elif each["type"] == 18:
                found[each["component"]["custom_id"]] = each["label"]
        return found
