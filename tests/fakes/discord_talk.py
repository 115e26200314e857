"""What people do in the fake Discord."""

from __future__ import annotations

from collections.abc import Iterable

from tests.fakes.discord_events import Events
from tests.fakes.discord_messages import add, authored, remove
from tests.fakes.discord_permissions import may, sees
from tests.fakes.discord_pings import mentioned
from tests.fakes.discord_values import REPLY, Attachment, Channel, Message, User


class Talk(Events):
    """People write, edit, delete; each is told to the gateway before the call returns."""

    async def says(
        self,
        user: User,
        place: Channel,
        text: str = "",
        *,
        reply_to: Message | None = None,
        ping: bool = True,
        files: Iterable[Attachment] = (),
        type: int | None = None,  # noqa: A002  Discord's word
    ) -> Message:
        """Write as a person or another bot. `ping`: whether a reply notifies (and so mentions) whom it answers.

        Mention by f"{user}" or f"{role}". `type`: of a system message.
        """
        speaks = "SEND_MESSAGES_IN_THREADS" if place.thread else "SEND_MESSAGES"
        assert sees(place, user), f"{user.name} does not see {place.name}"
        assert may(place, user, speaks), f"{user.name} may not write in {place.name}"
        message = authored(self, user, place, text)
        message.attachments = list(files)
        message.mentions, message.mention_roles, message.mention_everyone = mentioned(self, message)
        if reply_to:
            message.type, message.reference = REPLY, reply_to
            message.reference_ids = (reply_to.id, reply_to.channel.id)
            if ping and reply_to.author not in message.mentions:
                message.mentions.append(reply_to.author)
        if type is not None:
            message.type = type
        if place.thread and place.thread.archived:
            assert not place.thread.locked or may(place, user, "MANAGE_THREADS"), "the thread is locked"
            place.thread.archived, place.thread.archive_at = False, self.now()
            self.thread_happened("THREAD_UPDATE", place)
        return add(self, message)

    async def edits(self, message: Message, text: str) -> None:
        """The author changes the words."""
        message.content, message.edited_at = text, self.now()
        message.mentions, message.mention_roles, message.mention_everyone = mentioned(self, message)
        self.message_happened("MESSAGE_UPDATE", message)

    async def deletes(self, message: Message) -> None:
        """The message goes away; a thread that was started from it stays."""
        remove(self, message)
