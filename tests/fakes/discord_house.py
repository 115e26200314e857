"""What moderators and Discord itself do: channels, roles, members, servers, outages."""

from __future__ import annotations

from tests.fakes.discord_permissions import BOT, bits, sees
from tests.fakes.discord_shapes import channel_json, thread_member_json
from tests.fakes.discord_talk import Talk
from tests.fakes.discord_values import HAS_THREAD, Channel, Guild, Json, Member, Overwrite, Role, User


class House(Talk):
    """Everything is told to the gateway before the call returns."""

    # channels

    async def denies(self, channel: Channel, *permissions: str, who: Role | User | None = None) -> None:
        """Take permissions (by name) away in a channel, from the bot unless somebody else is named."""
        self._overwrites(channel, who or self.bot, deny=bits(*permissions))

    async def grants(self, channel: Channel, *permissions: str, who: Role | User | None = None) -> None:
        """Give permissions in a channel, to the bot unless somebody else is named."""
        self._overwrites(channel, who or self.bot, allow=bits(*permissions))

    def _overwrites(self, channel: Channel, who: Role | User, allow: int = 0, deny: int = 0) -> None:
        place = channel.place
        before = sees(place, self.bot)
        rule = next((each for each in place.overwrites if each.id == who.id), None)
        if rule is None:
            rule = Overwrite(who.id, int(isinstance(who, User)))
            place.overwrites.append(rule)
        rule.allow, rule.deny = rule.allow & ~deny | allow, rule.deny & ~allow | deny
        self.channel_happened("CHANNEL_UPDATE", place)
        if not before and sees(place, self.bot):
            self._sync_threads(place)

    def _sync_threads(self, channel: Channel) -> None:
        """THREAD_LIST_SYNC: the bot has come to see a channel."""
        active = [each for each in self.threads(channel) if each.thread and not each.thread.archived]
        seen = [each for each in active if sees(each, self.bot)]
        members = [thread_member_json(each, self.bot) for each in seen]
        assert channel.guild
        told: Json = {
            "guild_id": channel.guild.id,
            "channel_ids": [channel.id],
            "threads": [channel_json(each) for each in seen],
            "members": [each for each in members if each],
        }
        self.gateway.dispatch("THREAD_LIST_SYNC", told, channel.guild)

    async def renames(self, channel: Channel, name: str) -> None:
        """The channel or thread has another name."""
        channel.name = name
        if channel.thread:
            self.thread_happened("THREAD_UPDATE", channel)
        else:
            self.channel_happened("CHANNEL_UPDATE", channel)

    async def moves(self, channel: Channel, category: Channel | None, *, sync: bool = True) -> None:
        """Into a category (or out of all); with `sync` its overwrites become the channel's."""
        channel.parent = category
        if sync and category:
            channel.overwrites = [Overwrite(each.id, each.type, each.allow, each.deny) for each in category.overwrites]
        self.channel_happened("CHANNEL_UPDATE", channel)

    async def deletes_channel(self, channel: Channel) -> None:
        """The channel is gone, and its threads with it; of a thread only the thread."""
        told = channel_json(channel)
        if channel.thread:
            self.thread_happened("THREAD_DELETE", channel)
        for each in [channel, *self.threads(channel)]:
            for message in each.messages.values():
                message.deleted = True
            self.channels.pop(each.id, None)
        if not channel.thread:
            self.gateway.dispatch("CHANNEL_DELETE", told, channel.guild)
        elif channel.parent and (origin := channel.parent.messages.get(channel.id)):
            origin.thread, origin.flags = None, origin.flags & ~HAS_THREAD

    # roles and members

    async def changes_role(self, guild: Guild, role: Role, *permissions: str) -> None:
        """The role has these permissions (by name) from now on."""
        role.permissions = bits(*permissions)
        self.role_happened("GUILD_ROLE_UPDATE", guild, role)

    async def deletes_role(self, guild: Guild, role: Role) -> None:
        """Nobody has the role any more."""
        del guild.roles[role.id]
        for member in guild.members.values():
            member.roles = [each for each in member.roles if each is not role]
        self.role_happened("GUILD_ROLE_DELETE", guild, role)

    async def gives(self, guild: Guild, user: User, role: Role) -> None:
        """The member has a role more."""
        member = guild.members[user.id]
        member.roles.append(role)
        self.member_happened("GUILD_MEMBER_UPDATE", guild, member)

    async def takes(self, guild: Guild, user: User, role: Role) -> None:
        """The member has a role less."""
        member = guild.members[user.id]
        member.roles.remove(role)
        self.member_happened("GUILD_MEMBER_UPDATE", guild, member)

    async def joins(self, guild: Guild, user: User, *roles: Role) -> Member:
        """Somebody comes into the server."""
        member = self.join(guild, user, *roles)
        self.member_happened("GUILD_MEMBER_ADD", guild, member)
        return member

    async def leaves(self, guild: Guild, user: User) -> None:
        """Somebody leaves or is removed."""
        member = guild.members.pop(user.id)
        for thread in self.threads(guild):
            if thread.thread:
                thread.thread.members.pop(user.id, None)
        self.member_happened("GUILD_MEMBER_REMOVE", guild, member)

    # servers

    async def kicks_bot(self, guild: Guild) -> None:
        """The bot is removed from a server: GUILD_DELETE without `unavailable`."""
        self.guild_gone(guild, outage=False)
        guild.members.pop(self.bot.id)
        self.guilds.pop(guild.id)
        for role in [each for each in guild.roles.values() if each.bot is self.bot]:
            del guild.roles[role.id]
        self.change()

    async def invites_bot(self, guild: Guild, permissions: int = BOT) -> None:
        """The bot comes into a server, or back into one."""
        self.invite_bot(guild, permissions)
        self.guild_arrived(guild)

    async def goes_out(self, guild: Guild) -> None:
        """An outage of Discord's: GUILD_DELETE with `unavailable`, and no event of this server any more."""
        self.guild_gone(guild, outage=True)
        guild.available = False

    async def comes_back(self, guild: Guild) -> None:
        """The outage is over: GUILD_CREATE."""
        guild.available = True
        self.guild_arrived(guild, joined=False)
