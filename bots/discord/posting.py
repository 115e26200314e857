"""Messages of ours: posted once, however often that is tried; changed; removed."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from bots.discord.components import Message
from bots.discord.failures import ARCHIVED, NOT_OURS, TOO_MANY_EDITS, UNKNOWN_MESSAGE, DiscordRefused
from bots.discord.fields import moment, snowflake
from bots.discord.rest import Rest
from bots.fields import items, mapping
from core import logs
from core.errors import DeliveryFailed, DeliveryUncertain, PostGone
from core.relay.patience import patiently

log = logs.get(__name__)

_UNCHANGEABLE = frozenset({UNKNOWN_MESSAGE, ARCHIVED, NOT_OURS, TOO_MANY_EDITS})
_LONGEST_NONCE = 25
_NEW_SECONDS = 10.0  # a message older than this was posted by an earlier try
_REMEMBERED = 10_000
_TRIES = 10  # of one post, where what is posted is gone each time
_PAGE = 100  # messages of one reading


class Posting:
    """Writes messages. Raises what Rest raises.

    Discord returns the message that is there where one with the same nonce was posted within the past few minutes. So a
    nonce names what is posted, and how often this process has seen it go: then it is to be posted anew.
    """

    def __init__(self, rest: Rest, now: Callable[[], float] = time.time) -> None:
        self._rest = rest
        self._now = now
        self._gone: OrderedDict[str, int] = OrderedDict()

    async def post(
        self,
        channel_id: str,
        message: Message,
        *,
        subject: str,
        caller: str,
        file: tuple[str, bytes] | None = None,
    ) -> str:
        """Post it, or find it posted: its id. `subject` names the message, and nothing else ever."""
        for _ in range(_TRIES):
            try:
                message_id, sure = await self._posted(channel_id, message, subject, caller, file)
                if not sure and file is None:
                    # waited for here: who came back would post first, again, for a turn in the line that is the edit's
                    change = partial(self.edit, channel_id, message_id, message, subject=subject, caller=caller)
                    await patiently(change)
                return message_id
            except PostGone as error:
                log.info("posted anew", reason=str(error))
        raise DeliveryFailed("it is gone whenever it is posted")

    async def edit(self, channel_id: str, message_id: str, message: Message, *, subject: str, caller: str) -> None:
        """Make it show this and nothing else; what it replies to stays. Raises PostGone where it cannot be changed."""
        shown = {name: value for name, value in message.items() if name != "message_reference"}
        try:
            await self._rest.call(
                "PATCH",
                "/channels/{channel_id}/messages/{message_id}",
                caller=caller,
                body=shown,
                channel_id=channel_id,
                message_id=message_id,
            )
        except DiscordRefused as error:
            if error.code not in _UNCHANGEABLE:
                raise
            self._forget(subject)
            raise PostGone(str(error)) from None

    async def remove(self, channel_id: str, message_id: str, *, subject: str, caller: str) -> None:
        """Delete it; one that is gone already is as good."""
        try:
            await self._rest.call(
                "DELETE",
                "/channels/{channel_id}/messages/{message_id}",
                caller=caller,
                channel_id=channel_id,
                message_id=message_id,
            )
        except DiscordRefused as error:
            log.info("nothing to remove, or it stays", reason=str(error))
        self._forget(subject)

    async def newest(
        self, channel_id: str, *, caller: str, before: str = "", pages: int
    ) -> AsyncIterator[Mapping[str, object]]:
        """The messages of a channel or thread, the newest first, as far as so many readings of 100 reach."""
        for _ in range(pages):
            query = {"limit": str(_PAGE), **({"before": before} if before else {})}
            told = items(
                await self._rest.patiently(
                    "GET", "/channels/{channel_id}/messages", caller=caller, query=query, channel_id=channel_id
                )
            )
            for message in map(mapping, told):
                yield message
            before = snowflake(mapping(told[-1]).get("id")) or "" if told else ""
            if len(told) < _PAGE or not before:
                return

    async def _posted(
        self, channel_id: str, message: Message, subject: str, caller: str, file: tuple[str, bytes] | None
    ) -> tuple[str, bool]:
        """The id of the message that is there, and whether it surely is what was to be posted. Raises PostGone."""
        nonce = hashlib.sha256(f"{self._gone.get(subject, 0)} {subject}".encode()).hexdigest()[:_LONGEST_NONCE]
        try:
            told = mapping(
                await self._rest.call(
                    "POST",
                    "/channels/{channel_id}/messages",
                    caller=caller,
                    body={**message, "nonce": nonce, "enforce_nonce": True},
                    file=file,
                    channel_id=channel_id,
                )
            )
        except DiscordRefused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            self._forget(subject)  # the message with this nonce was deleted (discord-api-docs#6647)
            raise PostGone(str(error)) from None
        message_id = snowflake(told.get("id"))
        if message_id is None:
            raise DeliveryUncertain("a message without an id")
        new = self._now() - moment(message_id).timestamp() < _NEW_SECONDS
        return message_id, new and told.get("content") == str(message.get("content", "")).strip()

    def _forget(self, subject: str) -> None:
        """It is gone: another one is to be posted in its place."""
        self._gone[subject] = self._gone.pop(subject, 0) + 1
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
