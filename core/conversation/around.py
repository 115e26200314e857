"""Pure: what stands around a question, as Markdown that goes to /chat with it: earlier posts, attached texts."""

from __future__ import annotations

import re

from core.wording import code

THREAD_CHARACTERS = 12_000  # of earlier posts
FILE_CHARACTERS = 24_000  # of attached texts, all together
LARGEST_FILE = 200_000  # octets of one file that is looked into
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-yaml", "application/javascript")


def quoted(words: str) -> str:
    """Words of somebody else, as a quote."""
    return "\n".join(f"> {line}" for line in words.splitlines())


def may_be_text(mimetype: str) -> bool:
    """Whether a file of this type is worth looking into; "" where the platform names none."""
    return not mimetype or mimetype.startswith(_TEXT_TYPES) or mimetype == "application/octet-stream"


def as_text(octets: bytes) -> str | None:
    """The text of a file, if it is one that is looked into."""
    if len(octets) > LARGEST_FILE or b"\0" in octets:
        return None
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None


def attached_text(name: str, content: str) -> str:
    """The text of an attached file, fenced so that nothing in it ends the fence."""
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"Attached file {code(name)}:\n\n{fence}\n{content}\n{fence}"
