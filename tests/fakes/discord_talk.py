"""What people write in the fake Discord: messages, threads, posts of forums."""

from __future__ import annotations

from collections.abc import Iterable

from tests.fakes.discord_events import Events
from tests.fakes.discord_messages import add, authored, remove
from tests.fakes.discord_permissions import may, sees
from tests.fakes.discord_pings import mentioned
from tests.fakes.discord_shapes import channel_json, thread_member_json
from tests.fakes.discord_threads import announce, check_tags, open_from, open_thread
from tests.fakes.discord_values import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_THREAD,
    FORUM,
    MEDIA,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    REPLY,
    Attachment,
    Channel,
    Json,
    Message,
    User,
)


class Talk(Events):
    """Everything is told to the gateway before the call returns."""

    async def says(
        self,
        user: User,
        place: Channel,
        words: str = "",
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
        self._wake(user, place)
        message = authored(self, user, place, words)
        message.attachments = list(files)
        self._mention(message)
        if reply_to:
            message.type, message.reference = REPLY, reply_to
            message.reference_ids = (reply_to.id, reply_to.channel.id)
            if ping and reply_to.author not in message.mentions:
                message.mentions.append(reply_to.author)
        if type is not None:
            message.type = type
        if place.type == PRIVATE_THREAD:
            for each in message.mentions:
                self.adds_to_thread(place, each)
        return add(self, message)

    def _mention(self, message: Message) -> None:
        message.mentions, message.mention_roles, message.mention_everyone = mentioned(self, message)

    def _wake(self, user: User, place: Channel) -> None:
        """A message un-archives a thread."""
        thread = place.thread
        if thread is None or not (thread.archived or thread.locked):
            return
        assert not thread.locked or may(place, user, "MANAGE_THREADS"), "the thread is locked"
        thread.archived, thread.archive_at = False, self.now()
        self.thread_happened("THREAD_UPDATE", place)

    async def webhook_says(self, place: Channel, words: str, name: str = "Deployments") -> Message:
        """A webhook of somebody else writes: its author is no user."""
        author = User(self.snowflake(), name, bot=True)
        message = authored(self, author, place, words)
        message.webhook_id = author.id
        self._mention(message)
        return add(self, message)

    async def edits(self, message: Message, words: str) -> None:
        """The author changes the words."""
        message.content, message.edited_at = words, self.now()
        self._mention(message)
        self.message_happened("MESSAGE_UPDATE", message)

    async def unfurls(self, message: Message) -> None:
        """Discord adds the preview of a link: MESSAGE_UPDATE with the same words and no edited_timestamp."""
        message.embeds = [{"type": "link", "url": "https://example.org", "title": "Example"}]
        self.message_happened("MESSAGE_UPDATE", message)

    async def pins(self, message: Message) -> None:
        """MESSAGE_UPDATE with the same words."""
        message.pinned = True
        self.message_happened("MESSAGE_UPDATE", message)

    async def deletes(self, *messages: Message) -> None:
        """Messages go away, several at once in bulk; a thread that was started from one stays."""
        if len(messages) == 1:
            remove(self, messages[0])
            return
        for message in messages:
            message.deleted = True
            del message.channel.messages[message.id]
        self.messages_gone(list(messages))

    async def deliver_again(self, message: Message) -> None:
        """The same MESSAGE_CREATE once more."""
        self.message_happened("MESSAGE_CREATE", message)

    # threads

    async def opens_thread(
        self, user: User, origin: Message | Channel, name: str = "a thread", *, private: bool = False
    ) -> Channel:
        """Start a thread from a message, or in a channel without one."""
        if isinstance(origin, Message):
            assert may(origin.channel, user, "CREATE_PUBLIC_THREADS")
            return open_from(self, origin, user, name)
        kind = PRIVATE_THREAD if private else PUBLIC_THREAD
        kind = ANNOUNCEMENT_THREAD if origin.type == ANNOUNCEMENT else kind
        thread = open_thread(self, origin, user, name, kind=kind)
        self.thread_happened("THREAD_CREATE", thread)
        announce(self, thread)
        return thread

    async def opens_post(
        self,
        user: User,
        forum: Channel,
        title: str,
        words: str,
        *,
        tags: Iterable[str] = (),
        files: Iterable[Attachment] = (),
    ) -> Channel:
        """A post of a forum or media channel: a thread whose first message has the thread's id. Tags by name."""
        assert forum.type in {FORUM, MEDIA}
        applied = [each["id"] for each in forum.tags if each["name"] in set(tags)]
        check_tags(forum, applied)
        thread = open_thread(self, forum, user, title)
        assert thread.thread
        thread.thread.applied_tags = applied
        first = authored(self, user, thread, words)
        first.id, first.attachments = thread.id, list(files)
        self._mention(first)
        self.thread_happened("THREAD_CREATE", thread)
        add(self, first)
        return thread

    def adds_to_thread(self, thread: Channel, user: User) -> None:
        """The user becomes a member; a bot that is added to a private thread sees it from now on."""
        assert thread.thread
        assert thread.guild
        if user.id in thread.thread.members or user.id not in thread.guild.members:
            return
        thread.thread.members[user.id] = self.now()
        if user is self.bot:
            told: Json = channel_json(thread) | {"member": thread_member_json(thread, user)}
            self.gateway.dispatch("THREAD_CREATE", told, thread.guild)

    async def archives(self, thread: Channel) -> None:
        """Close a thread; the next message opens it again."""
        self._changes_thread(thread, archived=True, locked=None)

    async def locks(self, thread: Channel, *, archived: bool = True) -> None:
        """Close a thread for all but moderators."""
        self._changes_thread(thread, archived=archived, locked=True)

    async def unlocks(self, thread: Channel) -> None:
        """Open a locked thread again."""
        self._changes_thread(thread, archived=False, locked=False)

    def _changes_thread(self, thread: Channel, *, archived: bool, locked: bool | None) -> None:
        assert thread.thread
        thread.thread.archived, thread.thread.archive_at = archived, self.now()
        thread.thread.locked = thread.thread.locked if locked is None else locked
        self.thread_happened("THREAD_UPDATE", thread)
