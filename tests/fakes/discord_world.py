"""The state of the fake Discord: who and what is there, and what was broken."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any

from tests.fakes.discord_call import Call
from tests.fakes.discord_clock import Clock
from tests.fakes.discord_errors import DiscordError, Violation
from tests.fakes.discord_permissions import BOT, EVERYONE, NAMES, bits, sees
from tests.fakes.discord_values import (
    CATEGORY,
    DM,
    TEXT,
    THREADS,
    Attachment,
    Channel,
    Guild,
    Interaction,
    Json,
    Member,
    Message,
    Modal,
    Overwrite,
    Role,
    User,
)


class World(Clock):
    """Guilds, people, channels and everything that ever happened in them, for one application and its bot."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}  # those the bot is in
        self.channels: dict[str, Channel] = {}  # threads and DMs too
        self.files: dict[str, Attachment] = {}
        self.calls: list[Call] = []
        self.message_content = True  # whether the portal grants the privileged intent
        self.members_intent = False
        self.public_bot = True  # as the portal makes it: anybody may add the bot to a server
        self.presences_intent = False
        self.nonce_seconds = 180.0  # "the past few minutes"
        self.active_threads = 1_000  # of a guild
        self.old_edits = 30  # of a message older than an hour; Discord does not say how many
        self.nonces: dict[str, tuple[float, Message]] = {}
        self.may_ping: set[str] = set()
        self.commands: dict[str, list[Json]] = {}  # by guild id; "" for the global ones
        self.command_creates: dict[str, list[float]] = {}
        self.interactions: dict[str, Interaction] = {}  # by token
        self.modals: dict[str, Modal] = {}  # by user id
        self._broken: list[Violation] = []
        self._allowed: set[int | str] = set()
        self.bot = self._user("askrepo", bot=True)
        self.token = _token(self.bot.id)

    # people and places

    @property
    def application_id(self) -> str:
        """The bot's application; as for all newer ones its id is the bot's."""
        return self.bot.id

    @property
    def application_flags(self) -> int:
        """The privileged intents the portal grants, in their limited form."""
        granted = ((self.presences_intent, 13), (self.members_intent, 15), (self.message_content, 19))
        return sum(1 << bit for on, bit in granted if on)

    def _user(self, name: str, *, bot: bool = False) -> User:
        user = User(self.snowflake(), name, bot, None if bot else name.title())
        self.users[user.id] = user
        return user

    def guild(
        self, name: str = "acme", *, bot: bool = True, permissions: int = BOT, guild_id: str = "", tell: bool = True
    ) -> Guild:
        """A server with an owner; the bot is in it with these permissions unless `bot` is False."""
        self.skip_millisecond()
        guild = Guild(guild_id or self.snowflake(), name, self._user(f"owner of {name}"))
        guild.roles[guild.id] = Role(guild.id, "@everyone", EVERYONE)
        self.join(guild, guild.owner)
        if bot:
            self.invite_bot(guild, permissions)
            if tell:
                self.guild_arrived(guild)
        return guild

    def invite_bot(self, guild: Guild, permissions: int = BOT) -> None:
        """The bot is a member with a managed role of its own."""
        self.guilds[guild.id] = guild
        role = self.role(guild, self.bot.name, permissions=permissions, bot=self.bot)
        self.join(guild, self.bot, role)

    def guild_arrived(self, guild: Guild, *, joined: bool = True) -> None:
        """For the gateway to tell."""

    def role(
        self, guild: Guild, name: str, *allowed: str, permissions: int = 0, bot: User | None = None, **flags: Any
    ) -> Role:
        """A role with these permissions, by name or number."""
        role_id = self.snowflake()
        guild.roles[role_id] = Role(role_id, name, permissions | bits(*allowed), len(guild.roles), bot=bot, **flags)
        return guild.roles[role_id]

    def join(self, guild: Guild, user: User, *roles: Role) -> Member:
        """Make the user a member, without an event."""
        guild.members[user.id] = Member(user, self.now(), list(roles))
        return guild.members[user.id]

    def user(
        self,
        guild: Guild | None = None,
        name: str = "alice",
        *permissions: str,
        bot: bool = False,
        roles: Iterable[Role] = (),
    ) -> User:
        """A person (or another bot), a member of the guild with these permissions (by name) and roles."""
        user = self._user(name, bot=bot)
        if guild:
            own = [self.role(guild, f"role of {name}", *permissions)] if permissions else []
            self.join(guild, user, *own, *roles)
        return user

    def channel(
        self,
        guild: Guild,
        name: str = "general",
        *,
        type: int = TEXT,  # noqa: A002  Discord's word
        private: bool = False,
        readers: Iterable[User | Role] = (),
        parent: Channel | None = None,
        tags: Iterable[str] = (),
        flags: int = 0,
        tell: bool = True,
    ) -> Channel:
        """A channel. A private one is seen by `readers` and the bot; one in a category begins with its overwrites."""
        channel = Channel(self.snowflake(), guild, name, type, parent, flags=flags)
        if parent and parent.type == CATEGORY:
            channel.overwrites = [Overwrite(each.id, each.type, each.allow, each.deny) for each in parent.overwrites]
        if private:
            channel.overwrites.append(Overwrite(guild.id, 0, deny=NAMES["VIEW_CHANNEL"]))
            for reader in [*readers, self.bot]:
                channel.overwrites.append(Overwrite(reader.id, int(isinstance(reader, User)), NAMES["VIEW_CHANNEL"]))
        channel.tags = [
            {"id": self.snowflake(), "name": each, "moderated": False, "emoji_id": None, "emoji_name": None}
            for each in tags
        ]
        self.channels[channel.id] = channel
        if tell:
            self.channel_arrived(channel)
        return channel

    def channel_arrived(self, channel: Channel) -> None:
        """For the gateway to tell."""

    def dm(self, user: User) -> Channel:
        """The direct channel of this person with the bot; made on first use."""
        for channel in self.channels.values():
            if channel.type == DM and user in channel.recipients:
                return channel
        channel = Channel(self.snowflake(), None, "", DM, recipients=[user, self.bot])
        self.channels[channel.id] = channel
        return channel

    def file(self, filename: str, content: str | bytes, content_type: str = "text/plain; charset=utf-8") -> Attachment:
        """An attachment for `says(…, files=[file])`; the fake's CDN serves it to whoever has the address."""
        file_id = self.snowflake()
        octets = content.encode() if isinstance(content, str) else content
        url = f"{self.base}/attachments/{self.bot.id}/{file_id}/{filename}?ex={secrets.token_hex(4)}"
        self.files[file_id] = Attachment(file_id, filename, octets, content_type, url)
        return self.files[file_id]

    def of_guild(self, guild: Guild) -> list[Channel]:
        """The channels of a guild, without threads."""
        return [each for each in self.channels.values() if each.guild is guild and each.type not in THREADS]

    def threads(self, place: Guild | Channel) -> list[Channel]:
        """The threads of a guild or of a channel, in order."""
        return [each for each in self.channels.values() if each.thread and place in {each.guild, each.parent}]

    def thread_of(self, message: Message) -> Channel | None:
        """The thread that was started from this message."""
        return self.channels.get(message.id) if message.thread else None

    # what people see

    def posts(self, channel: Channel) -> list[Message]:
        """Every message of a channel or thread, in order; without Discord's own (types 18 and 21)."""
        return [each for each in channel.messages.values() if each.type not in {18, 21}]

    def answers(self, channel: Channel) -> list[Message]:
        """What the bot said in a channel or thread, in order."""
        return [each for each in self.posts(channel) if each.author is self.bot]

    def ephemerals(self, channel: Channel, user: User) -> list[Message]:
        """What only this person sees in the channel, in order."""
        return [each for each in channel.ephemerals if each.ephemeral_to is user]

    def modal(self, user: User) -> Modal | None:
        """The form that is open before this person."""
        return self.modals.get(user.id)

    @property
    def invalid(self) -> list[Call]:
        """The requests Discord counts as invalid (401, 403, 429 but for scope shared), in order."""
        return [call for call in self.calls if call.invalid]

    def called(self, method: str, route: str) -> list[Call]:
        """The requests of one route in order; the route is a template: "/channels/{channel_id}/messages"."""
        return [call for call in self.calls if (call.method, call.route) == (method, route)]

    # what must not be

    @property
    def violations(self) -> list[Violation]:
        """Documented limits that were broken, but for those the test allows."""
        return [each for each in self._broken if each.code not in self._allowed]

    def violated(self, code: int | str, where: str, detail: str = "") -> None:
        """Record a broken limit."""
        self._broken.append(Violation(code, where, detail))

    def allows(self, *codes: int | str) -> None:
        """The test means to provoke these: Discord's error codes, or the fake's own words (see `violations`)."""
        self._allowed |= set(codes)

    # look-ups on behalf of the bot

    def find_channel(self, channel_id: str) -> Channel:
        """The channel, 10003 where there is none, 50001 where the bot may not see it."""
        channel = self.channels.get(channel_id)
        if channel is None:
            raise DiscordError(10003)
        if not sees(channel, self.bot):
            raise DiscordError(50001)
        return channel

    def find_guild(self, guild_id: str) -> Guild:
        """The guild, or 10004 where the bot is not in it."""
        if guild_id not in self.guilds:
            raise DiscordError(10004)
        return self.guilds[guild_id]

    def meets(self, user: User) -> bool:
        """Whether the bot shares a server with this person."""
        return any(user.id in guild.members for guild in self.guilds.values())

    def find_message(self, channel: Channel, message_id: str) -> Message:
        """The message, or 10008."""
        if message_id not in channel.messages:
            raise DiscordError(10008)
        return channel.messages[message_id]

    def readable(self, message: Message) -> bool:
        """Whether the bot sees the content of this message even without the privileged intent (D-a2, D-a3).

        A reply that pings the bot is readable, but for one to an answer to an interaction.
        """
        if message.author is self.bot or message.channel.guild is None or message.application_id == self.application_id:
            return True
        if self.bot not in message.mentions:
            return False
        answered = message.reference is not None and message.reference.application_id is not None
        return not answered or f"<@{self.bot.id}>" in message.content

    def new_token(self) -> None:
        """Discord resets the bot's token: the old one answers 401 from now on."""
        self.token = _token(self.bot.id)


def _token(bot_id: str) -> str:
    first = base64.urlsafe_b64encode(bot_id.encode()).decode().rstrip("=")
    return f"{first}.{secrets.token_urlsafe(4)[:6]}.{secrets.token_urlsafe(28)[:38]}"
