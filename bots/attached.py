"""The files that come with a question: as they are stored with it, and as they are read along with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass

from bots.fields import items
from core import logs
from core.conversation.around import FILE_CHARACTERS, LARGEST_FILE, attached_text, may_be_text
from core.errors import DeliveryFailed

MOST = 10  # files of a question
_UNREAL = 2**53  # more than any size or count

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a question. `size` is in bytes; `url` is "" where the platform has not the content."""

    file_id: str
    name: str = ""
    mimetype: str = ""
    size: int = 0
    url: str = ""

    @property
    def worth_reading(self) -> bool:
        """Whether it may be a text of a size that is looked into."""
        return self.size <= LARGEST_FILE and may_be_text(self.mimetype)


def first(files: Sequence[File]) -> tuple[tuple[File, ...], int]:
    """The first ten of them, and how many more there were."""
    return tuple(files[:MOST]), max(0, len(files) - MOST)


def encoded(files: Sequence[File]) -> list[list[object]] | None:
    """As what JSON takes; None for no files."""
    return [list(astuple(file)) for file in files] or None


def decoded(value: object) -> tuple[File, ...]:
    """What `encoded` made; what cannot be read is left out."""
    return tuple(file for entry in items(value)[:MOST] if (file := _file(entry)))


def count(value: object) -> int:
    """The value if it is a size or a number of things, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _UNREAL else 0


async def texts(
    files: Sequence[File], left_out: int, content: Callable[[File], Awaitable[str | None]]
) -> tuple[list[str], list[str]]:
    """The texts of files, as Markdown, within a budget of characters; and the names of those that were skipped.

    `content` brings the text of a file, None where it is none. `left_out` are those whose names are not known.
    """
    found, skipped, left = list[str](), [""] * left_out, FILE_CHARACTERS
    for file in files:
        text = await _tried(content, file)
        if text is None or len(text) > left:
            skipped.append(file.name)
            continue
        left -= len(text)
        found.append(attached_text(file.name, text))
    return found, skipped


async def _tried(content: Callable[[File], Awaitable[str | None]], file: File) -> str | None:
    """The text, if it can be had: a question does not wait for a file that the platform's other servers do not give."""
    for last in (False, True):
        try:
            return await content(file)
        except DeliveryFailed as error:
            if last:
                log.info("a file cannot be read", reason=str(error))
    return None


def _file(entry: object) -> File | None:
    match entry:
        case [str(file_id), str(name), str(mimetype), int(size), str(url)]:
            return File(file_id, name, mimetype, size, url)
        case _:
            return None
