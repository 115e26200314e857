"""What the fake Discord tells over the gateway when something happens in it."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_dispatcher import DIRECT_MESSAGES, GUILD_MEMBERS, GUILD_MESSAGES, GUILDS, MESSAGE_CONTENT
from tests.fakes.discord_gateway import Gateway
from tests.fakes.discord_permissions import sees
from tests.fakes.discord_sessions import Session
from tests.fakes.discord_shapes import (
    channel_json,
    guild_parts,
    member_json,
    message_json,
    role_json,
    thread_member_json,
    user_json,
)
from tests.fakes.discord_values import Channel, Guild, Json, Member, Message, Role
from tests.fakes.discord_world import World


class Events(World):
    """A world with a gateway. Each method tells of something that has already been changed."""

    def __init__(self) -> None:
        super().__init__()
        self.gateway = Gateway(self)

    def shown(self, message: Message) -> Json:
        """The message as REST shows it to the bot."""
        return message_json(message, lambda each: self.message_content or self.readable(each))

    def message_happened(self, name: str, message: Message) -> None:
        """MESSAGE_CREATE or MESSAGE_UPDATE, emptied for whoever did not ask for the content."""
        if message.ephemeral_to or not sees(message.channel, self.bot):
            self.change()
            return

        def data(session: Session) -> Json:
            asked = bool(session.intents & MESSAGE_CONTENT)
            return message_json(message, lambda each: asked or self.readable(each)) | guild_parts(message)

        self._about_messages(name, data, message.channel)

    def message_gone(self, message: Message) -> None:
        """MESSAGE_DELETE."""
        self._about_messages("MESSAGE_DELETE", {"id": message.id, **_where(message.channel)}, message.channel)

    def messages_gone(self, messages: list[Message]) -> None:
        """MESSAGE_DELETE_BULK."""
        channel = messages[0].channel
        ids = [each.id for each in messages]
        self._about_messages("MESSAGE_DELETE_BULK", {"ids": ids, **_where(channel)}, channel)

    def _about_messages(self, name: str, data: Any, channel: Channel) -> None:
        if not sees(channel, self.bot):
            return
        intent = GUILD_MESSAGES if channel.guild else DIRECT_MESSAGES
        self.gateway.dispatch(name, data, channel.guild, intent=intent)

    def guild_arrived(self, guild: Guild, *, joined: bool = True) -> None:
        """GUILD_CREATE: the bot has joined, or an outage is over."""

        def data(session: Session) -> Json:
            return self.gateway.guild_create(session, guild, joined=joined)

        self.gateway.dispatch("GUILD_CREATE", data, guild)

    def guild_gone(self, guild: Guild, *, outage: bool) -> None:
        """GUILD_DELETE: `unavailable` is set for an outage only."""
        data: Json = {"id": guild.id, **({"unavailable": True} if outage else {})}
        self.gateway.dispatch("GUILD_DELETE", data, guild)

    def channel_arrived(self, channel: Channel) -> None:
        """CHANNEL_CREATE."""
        self.channel_happened("CHANNEL_CREATE", channel)

    def channel_happened(self, name: str, channel: Channel) -> None:
        """CHANNEL_CREATE, CHANNEL_UPDATE, CHANNEL_DELETE: told for hidden channels too, as Discord does."""
        self.gateway.dispatch(name, channel_json(channel), channel.guild)

    def role_happened(self, name: str, guild: Guild, role: Role) -> None:
        """GUILD_ROLE_CREATE, _UPDATE; _DELETE tells the id only."""
        told = {"role_id": role.id} if name.endswith("DELETE") else {"role": role_json(role)}
        self.gateway.dispatch(name, {"guild_id": guild.id, **told}, guild)

    def member_happened(self, name: str, guild: Guild, member: Member) -> None:
        """GUILD_MEMBER_ADD, _UPDATE, _REMOVE: with the members intent; the bot always hears of its own update."""
        shown = {"user": user_json(member.user)} if name.endswith("REMOVE") else member_json(member)
        own = member.user is self.bot and name.endswith("UPDATE")
        self.gateway.dispatch(name, {"guild_id": guild.id, **shown}, guild, intent=0 if own else GUILD_MEMBERS)

    def thread_happened(self, name: str, thread: Channel) -> None:
        """THREAD_CREATE (newly made), THREAD_UPDATE; THREAD_DELETE tells the ids only."""
        if not sees(thread, self.bot):
            return
        told = channel_json(thread)
        if name == "THREAD_DELETE":
            told = {key: told[key] for key in ("id", "guild_id", "parent_id", "type")}
        if name == "THREAD_CREATE":
            own = thread_member_json(thread, self.bot)
            told |= {"newly_created": True, **({"member": own} if own else {})}
        self.gateway.dispatch(name, told, thread.guild, intent=GUILDS)


def _where(channel: Channel) -> Json:
    return {"channel_id": channel.id, **({"guild_id": channel.guild.id} if channel.guild else {})}
