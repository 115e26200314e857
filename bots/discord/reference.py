"""What has to be known of Discord to act on a question later, as the text that is stored with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bots import attached
from bots.attached import File
from bots.discord.fields import snowflake
from bots.fields import items, mapping, text


@dataclass(frozen=True, slots=True)
class Invocation:
    """A question that has no post of its own yet: it came by a command or a message's menu.

    `token` answers the interaction for 15 minutes from `at`, in Unix seconds. `about_text` is what the message says
    that the menu was used on.
    """

    application_id: str
    token: str = field(default="", repr=False)
    at: float = 0.0
    about_text: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """`in_thread`: the conversation is where the question stands, and nothing has to be opened for the answer.

    `direct`: somebody wrote to us alone. `outsider`: not a member of the guild; None means that the event does not say
    it. `left_out`: how many files beyond the first ten there were. `about_text`: what the message says that the
    question replies to.
    """

    in_thread: bool = False
    direct: bool = False
    outsider: bool | None = None
    files: tuple[File, ...] = ()
    left_out: int = 0
    command: Invocation | None = None
    about_text: str = ""

    def encode(self) -> str:
        """As JSON without blanks and without what is not set."""
        told = {
            "thread": self.in_thread or None,
            "direct": self.direct or None,
            "outsider": self.outsider,
            "files": attached.encoded(self.files),
            "left_out": self.left_out or None,
            "command": self.command
            and [self.command.application_id, self.command.token, self.command.at, self.command.about_text],
            "about": self.about_text or None,
        }
        return json.dumps({key: value for key, value in told.items() if value is not None}, separators=(",", ":"))


def decode(stored: str) -> Reference:
    """What `encode` wrote. Unknown keys are passed over; what cannot be read is as if it had never been said."""
    try:
        told = mapping(json.loads(stored))
    except (ValueError, RecursionError):
        return Reference()
    outsider = told.get("outsider")
    return Reference(
        in_thread=told.get("thread") is True,
        direct=told.get("direct") is True,
        outsider=outsider if isinstance(outsider, bool) else None,
        files=attached.decoded(told.get("files")),
        left_out=attached.count(told.get("left_out")),
        command=_invocation(told.get("command")),
        about_text=text(told.get("about")) or "",
    )


def files_of(value: object) -> tuple[tuple[File, ...], int]:
    """The first ten files of a message, and how many more there were."""
    return attached.first([file for entry in items(value) if (file := _attached(mapping(entry)))])


def _attached(file: Mapping[str, object]) -> File | None:
    file_id = snowflake(file.get("id"))
    if file_id is None:
        return None
    name, mimetype, url = (text(file.get(key)) or "" for key in ("filename", "content_type", "url"))
    return File(file_id, name, mimetype.partition(";")[0].strip(), attached.count(file.get("size")), url)


def _invocation(entry: object) -> Invocation | None:
    match entry:
        case [str(application_id), str(token), int() | float() as at, str(about)] if not isinstance(at, bool):
            return Invocation(application_id, token, float(at), about)
        case _:
            return None
