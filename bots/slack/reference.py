"""What has to be known of Slack to act on a question later, as the text that is stored with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bots import attached
from bots.attached import File
from bots.fields import items, mapping, text
from bots.slack.fields import identifier

_READABLE = frozenset({"hosted", "snippet"})  # external files live elsewhere: our token is not to be sent there


@dataclass(frozen=True, slots=True)
class Invocation:
    """A question that has no post of its own yet: it came by a slash command or a shortcut.

    `about_text` is what the message says that a shortcut was used on. `response_url` is good for 30 minutes.
    """

    response_url: str = field(default="", repr=False)
    about_text: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """`team`: the asker's own team or organisation, as far as Slack says it; `enterprise` the one that installed us.

    `foreign`: of another organisation; None means it cannot be told from the event and has to be found out or denied.
    `guest`: the event says the asker is a guest; False says nothing. `ext_shared`: the channel is shared with another
    organisation. `left_out`: how many files beyond the first ten there were. `about_text`: what the message says that
    was shared with the question.
    """

    team: str | None = None
    enterprise: str | None = None
    foreign: bool | None = None
    guest: bool = False
    ext_shared: bool = False
    in_thread: bool = False
    files: tuple[File, ...] = ()
    left_out: int = 0
    command: Invocation | None = None
    about_text: str = ""

    def encode(self) -> str:
        """As JSON without blanks and without what is not set."""
        command = self.command and {
            "url": self.command.response_url,
            "text": self.command.about_text,
        }
        told = {
            "team": self.team,
            "enterprise": self.enterprise,
            "foreign": self.foreign,
            "guest": self.guest or None,
            "shared": self.ext_shared or None,
            "thread": self.in_thread or None,
            "files": attached.encoded(self.files),
            "left_out": self.left_out or None,
            "command": command,
            "about": self.about_text or None,
        }
        return json.dumps({key: value for key, value in told.items() if value is not None}, separators=(",", ":"))


def decode(stored: str) -> Reference:
    """What `encode` wrote. Unknown keys are passed over; what cannot be read is as if it had never been said."""
    try:
        told = mapping(json.loads(stored))
    except (ValueError, RecursionError):
        return Reference()
    foreign, command = told.get("foreign"), told.get("command")
    return Reference(
        identifier(told.get("team")),
        identifier(told.get("enterprise")),
        foreign if isinstance(foreign, bool) else None,
        guest=told.get("guest") is True,
        ext_shared=told.get("shared") is True,
        in_thread=told.get("thread") is True,
        files=attached.decoded(told.get("files")),
        left_out=attached.count(told.get("left_out")),
        command=_invocation(mapping(command)) if isinstance(command, Mapping) else None,
        about_text=text(told.get("about")) or "",
    )


def files_of(value: object) -> tuple[tuple[File, ...], int]:
    """The first ten files of a message, and how many more there were."""
    return attached.first([file for entry in items(value) if (file := _attached(mapping(entry)))])


def uploaders_of(post: Mapping[str, object]) -> list[object]:
    """The teams of those who uploaded the files of a post, where they are its author."""
    files = map(mapping, items(post.get("files")))
    return [file.get("user_team") for file in files if file.get("user") == post.get("user")]


def _attached(file: Mapping[str, object]) -> File | None:
    file_id = identifier(file.get("id"))
    if not file_id or file.get("mode") == "tombstone":
        return None
    held = text(file.get("mode")) in _READABLE and file.get("is_external") is not True
    name, mimetype, url = (text(file.get(key)) or "" for key in ("name", "mimetype", "url_private"))
    return File(file_id, name, mimetype, attached.count(file.get("size")), url if held else "")


def _invocation(told: Mapping[str, object]) -> Invocation:
    return Invocation(text(told.get("url")) or "", text(told.get("text")) or "")
