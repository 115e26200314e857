"""What stands around a question: the thread it was asked in, the message it is about, the texts that came with it."""

from __future__ import annotations

from collections.abc import Mapping

from bots import attached
from bots.attached import File
from bots.discord.failures import Barred, DiscordRefused
from bots.discord.fields import number, snowflake
from bots.discord.people import People
from bots.discord.posting import Posting
from bots.discord.reference import Reference
from bots.discord.rest import Rest
from bots.discord.text import readable
from bots.discord.words import words
from bots.fields import items, mapping
from bots.fields import text as string
from core import logs, wording
from core.channels.pasted import holds_token
from core.conversation.around import (
    LARGEST_FILE,
    THREAD_CHARACTERS,
    as_text,
    quoted,
)
from core.conversation.values import UNSAID, Question
from core.errors import PlaceGone

log = logs.get(__name__)

_LONGEST_TITLE = 100  # characters; as many as Discord takes
_PAGES = 5  # of a thread, of 100 messages each
_WRITTEN = frozenset({0, 19, 20, 23})  # types of messages that people and bots write: also replies and commands

Json = Mapping[str, object]


class Around:
    """Reads around questions. Raises NotYet and DeliveryFailed."""

    def __init__(self, rest: Rest, posting: Posting, people: People) -> None:
        self._rest = rest
        self._posting = posting
        self._people = people

    async def context(self, question: Question, reference: Reference, *, first: bool) -> tuple[str, tuple[str, ...]]:
        """As Markdown, with remarks on what was left out."""
        parts, remarks = [], []
        about = reference.command.about_text if reference.command is not None else ""
        if first and reference.in_thread:
            # of a forum's post it is part of what the author says, and often all of the question
            title = (await self._people.title(question.thread))[:_LONGEST_TITLE]
            parts += [f"The title of this thread:\n\n{quoted(title)}"] if title else []
        if first and reference.in_thread and not about:
            earlier, left_out = await self._thread(question)
            parts += [f"Earlier in this thread:\n\n{earlier}"] if earlier else []
            remarks += [wording.thread_cut()] if left_out else []
        if about or reference.about_text:
            parts.append(f"It is about this message:\n\n{quoted(about or reference.about_text)}")
        texts, skipped = await attached.texts(reference.files, reference.left_out, self._content)
        parts += texts
        remarks += [wording.files_skipped(skipped)] if skipped else []
        return "\n\n".join(parts), tuple(remarks)

    async def _thread(self, question: Question) -> tuple[str, bool]:
        """The thread's posts before the question, the newest that fit; whether some were left out."""
        # what somebody may not read there, they do not get by having it summarised
        if await self._people.keeps_history_from(question.thread.channel, question.asker.user_id):
            return "", True
        said, left, more, read, top = list[str](), THREAD_CHARACTERS, False, 0, False
        try:
            async for message in self._posting.newest(
                question.thread.thread_id,
                caller=question.message_id,
                before=question.message_id.removeprefix(UNSAID),
                pages=_PAGES,
            ):
                read += 1
                top = top or message.get("id") == question.thread.thread_id
                line = _line(message)
                left -= len(line)
                if left < 0:
                    return "\n\n".join(reversed(said)), True
                said += [line] if line else []
            if not read and await self._people.unreadable(question.thread.channel):
                return "", True
            more = read >= _PAGES * 100
            line = "" if top or more else _line(await self._starter(question))
        except (DiscordRefused, PlaceGone) as error:
            log.info("the thread cannot be read", reason=str(error))
            return "\n\n".join(reversed(said)), True
        said += [line] if line and len(line) <= left else []
        return "\n\n".join(reversed(said)), more or len(line) > left

    async def _starter(self, question: Question) -> Json:
        """The message that the thread was opened from: it stands in the channel, and has the thread's id."""
        try:
            return mapping(
                await self._rest.patiently(
                    "GET",
                    "/channels/{channel_id}/messages/{message_id}",
                    caller=question.message_id,
                    channel_id=question.thread.channel.channel_id,
                    message_id=question.thread.thread_id,
                )
            )
        except (DiscordRefused, Barred):
            return {}  # it was opened from none, or that is gone

    async def _content(self, file: File) -> str | None:
        """The text of a file, if it is one."""
        if not file.worth_reading:
            return None
        octets = await self._rest.fetch(file.url, LARGEST_FILE)
        return None if octets is None else as_text(octets)


def _line(message: Json) -> str:
    """What somebody said, and who; "" for what is no word of anybody's."""
    if not message or number(message.get("type")) not in _WRITTEN:
        return ""
    author, member = mapping(message.get("author")), mapping(message.get("member"))
    name = string(member.get("nick")) or string(author.get("global_name")) or string(author.get("username"))
    said = readable(words(message), _names(message))
    if holds_token(said):  # whoever wrote it was told that it goes nowhere
        return ""
    return f"{name or 'Somebody'}:\n{quoted(said)}" if said else ""


def _names(message: Json) -> dict[str, str]:
    """The names of the people that a message mentions, by id."""
    found = {}
    for user in map(mapping, items(message.get("mentions"))):
        user_id, name = snowflake(user.get("id")), string(user.get("global_name")) or string(user.get("username"))
        if user_id and name:
            found[user_id] = name
    return found
