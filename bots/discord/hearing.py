"""What Discord delivers, decided and put in line to be carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bots.discord.asking import Asking
from bots.discord.changes import Changes
from bots.discord.direct import Direct, NoGuild
from bots.discord.happened import ChannelDeleted, Happened
from bots.discord.ignored import Ignored, Reason
from bots.discord.inbox import Inbox, Kind
from bots.discord.incoming import Asked, Bare, Edited, Incoming, Worded, channel_of, of_edit, of_post
from bots.discord.places import Places
from bots.discord.posts import Post, Spot
from bots.discord.unheard import unheard
from core import logs

_GONE = 10_000  # messages

log = logs.get(__name__)

Reading = Callable[[Post, str], Incoming]
Interacting = Callable[[Mapping[str, object]], None]  # begins to answer


class Hearing:
    """Puts in line what concerns us, place by place, and answers interactions at once: those wait for nobody."""

    def __init__(
        self,
        bot_id: str,
        inbox: Inbox,
        places: Places,
        direct: Direct,
        asking: Asking,
        changes: Changes,
        interacting: Interacting,
    ) -> None:
        self._bot_id = bot_id
        self._inbox = inbox
        self._places = places
        self._direct = direct
        self._asking = asking
        self._changes = changes
        self._interacting = interacting
        self._gone: dict[str, None] = {}  # messages deleted lately, the newest last: they may have been read before

    def message(self, post: Post) -> None:
        """Somebody posted."""
        self._heard(post, of_post)

    def edited(self, post: Post) -> None:
        """A post is not what it was."""
        self._heard(post, of_edit)

    async def missed(self, posts: Sequence[Post], heard: int | None) -> None:
        """Posts of one place from before we listened, and `heard`: as `unheard` has them. Waits while there is no room.

        Only questions are carried out, but for those that were deleted since they were read, and nothing is said about
        what is none: it may have been said already.
        """
        for post in unheard(posts, self._bot_id, heard):
            await self._inbox.vacant()
            if post.message_id in self._gone:
                continue
            self._inbox.put(post.spot.channel_id, partial(self._carried_out, post, of_post, late=True))

    def deleted(self, spot: Spot, message_ids: Sequence[str]) -> None:
        """Posts are gone."""
        self._gone.update(dict.fromkeys(message_ids))
        while len(self._gone) > _GONE:
            del self._gone[next(iter(self._gone))]
        self._inbox.put(spot.channel_id, partial(self._deleted, spot, message_ids), Kind.DELETION)

    def happened(self, happened: Happened) -> None:
        """Something changed about channels or about the guild."""
        guild = happened.channel.workspace if isinstance(happened, ChannelDeleted) else happened.guild
        self._inbox.put(guild.workspace_id, partial(self._changes.happened, happened), Kind.CHANGE)

    def interaction(self, payload: Mapping[str, object]) -> None:
        """A command, a click or a form."""
        self._interacting(payload)

    def _heard(self, post: Post, read: Reading) -> None:
        found = read(post, self._bot_id)
        if isinstance(found, Ignored) and (found.reason is not Reason.NO_PLACE or not post.spot.guild_id):
            log.debug("ignored", reason=found.reason.value)
            return
        self._inbox.put(post.spot.channel_id, partial(self._carried_out, post, read))

    async def _carried_out(self, post: Post, read: Reading, *, late: bool = False) -> None:
        spot = await self._places.settled(post.spot)
        if spot is None:
            return
        if spot.direct and not spot.guild_id:
            guild = await self._direct.guild(post.author_id)
            if isinstance(guild, NoGuild) and late:
                log.warning("questions may have been missed", channel=spot.channel_id, reason="for no one server")
                return
            if isinstance(guild, NoGuild):
                self._unplaced(read(post, self._bot_id), guild)
                return
            spot = replace(spot, guild_id=guild.workspace_id)
        await self._do(read(replace(post, spot=spot), self._bot_id))

    async def _do(self, incoming: Incoming) -> None:
        match incoming:
            case Asked() as asked:
                await self._asking.asked(asked)
            case Bare() as bare:
                await self._asking.bare(bare)
            case Worded() as worded:
                await self._asking.worded(worded)
            case Edited() as edited:
                await self._asking.edited(edited)
            case Ignored(reason):
                log.debug("ignored", reason=reason.value)

    def _unplaced(self, incoming: Incoming, why: NoGuild) -> None:
        """A direct message that is for no one guild: its author is told why it is not answered."""
        if isinstance(incoming, Asked | Bare | Worded):
            question = incoming.question
            self._asking.said(question, why.words)

    async def _deleted(self, spot: Spot, message_ids: Sequence[str]) -> None:
        settled = await self._places.settled(spot)
        if settled is None:
            return
        if settled.direct:  # whose it was is not said any more
            for guild in await self._direct.possible():
                channel = channel_of(replace(settled, guild_id=guild.workspace_id))
                await self._asking.deleted(channel, message_ids, settled.channel_id)
        else:
            within = settled.channel_id if settled.within else None
            await self._asking.deleted(channel_of(settled), message_ids, within)
