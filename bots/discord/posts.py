"""What a post of Discord is to us: frozen values, whichever way it arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bots.attached import File

DM, GROUP = 1, 3  # channel types: https://docs.discord.com/developers/resources/channel
THREADS = frozenset({10, 11, 12})  # of an announcement channel, public, private
FORUMS = frozenset({15, 16})  # forum and media channels, whose posts are threads that their authors give a title
WITHOUT_THREADS = frozenset({2, 13})  # the texts of voice and stage channels: no thread can be opened there


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands: `channel_id` may be a thread's, then `parent_id` is that of its channel.

    `guild_id` is "" in direct messages. `kind` is Discord's type of channel, None where it is not known.
    """

    guild_id: str
    channel_id: str
    kind: int | None
    parent_id: str = ""

    @property
    def direct(self) -> bool:
        """Whether somebody writes to us alone."""
        return self.kind == DM

    @property
    def known(self) -> bool:
        """Whether the place can be told: a thread without its parent is none."""
        return self.kind is not None and (self.kind not in THREADS or bool(self.parent_id))

    @property
    def within(self) -> bool:
        """Whether the conversation is where the post is: nothing has to be opened for an answer."""
        return self.kind in THREADS or self.kind in WITHOUT_THREADS or self.direct


@dataclass(frozen=True, slots=True)
class Answered:
    """The post that a reply answers. Of one that is gone, or not shown to us, only the id is known."""

    message_id: str
    author_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A post, as it stands. `kind` is Discord's type of message; `text` is raw.

    `users` and `roles` are the ids it mentions; a reply that pings mentions whom it answers. `our_role` is the id of
    the role that the guild made for us, "" where it has none. `names` are those of what is mentioned, by id. `member`:
    its author is a member of the guild; None where that is not said. `edited` is when a person last changed it, in
    microseconds since 1970; 0 where nobody did.
    """

    spot: Spot
    message_id: str
    kind: int
    author_id: str
    author_name: str = ""
    bot: bool = False
    webhook: bool = False
    system: bool = False
    member: bool | None = None
    text: str = field(default="", repr=False)
    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    everyone: bool = False
    our_role: str = ""
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[File, ...] = ()
    left_out: int = 0
    answers: Answered | None = None
    edited: int = 0
