"""Telling one person something: in reply to what they did, else under what they wrote, else in a direct message.

Discord shows to one person alone only what answers an interaction of theirs, for 15 minutes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from bots.discord import components
from bots.discord.components import Button, Message
from bots.discord.failures import MISSHAPEN, NO_REPLY, DiscordRefused
from bots.discord.fields import snowflake
from bots.discord.harmless import EPHEMERAL
from bots.discord.posting import Posting
from bots.discord.reference import Invocation, decode
from bots.discord.rest import Rest
from bots.discord.threads import begins, is_here
from bots.fields import mapping
from core import logs
from core.conversation.values import Question
from core.errors import DeliveryUncertain, PlaceGone
from core.relay.patience import patiently

log = logs.get(__name__)

_TOKEN_SECONDS = 14 * 60  # of the 15 minutes that an interaction's token lives


@dataclass(frozen=True, slots=True)
class Somebody:
    """Somebody who did something. `channel_id` may be a thread's; `message_id` is what they wrote, "" for nothing."""

    user_id: str
    channel_id: str
    message_id: str = ""
    command: Invocation | None = None


class Privately:
    """Says things to one person. Raises what Rest raises: PlaceGone where they cannot be reached in any way."""

    def __init__(self, rest: Rest, posting: Posting, now: Callable[[], float] = time.time) -> None:
        self._rest = rest
        self._posting = posting
        self._now = now

    async def say(self, somebody: Somebody, words: str, *buttons: Button) -> None:
        """Say it as soon as the pace allows."""
        caller = uuid4().hex
        message = components.said(words, *buttons)
        await patiently(lambda: self.tell(somebody, message, caller=caller))

    async def write(self, user_id: str, message: Message) -> None:
        """Write it to somebody directly, as soon as the pace allows."""
        caller = uuid4().hex
        await self._written(Somebody(user_id, ""), message, caller, caller)

    async def tell(self, somebody: Somebody, message: Message, *, caller: str, occasion: str = "") -> None:
        """Show it, or raise NotYet. `caller` is as Rest has it.

        The same message of one to one person is shown once for each `occasion`: it is not taken for what was said
        before in the same words.
        """
        if await self._replied(somebody.command, message):
            return
        told = [caller, occasion, somebody.user_id, somebody.channel_id, somebody.message_id, message]
        subject = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        # what a command does not take any more stands under nothing that is theirs: so it says whom it is for
        if somebody.command and not somebody.message_id:
            shown = {**message, "content": components.to(somebody.user_id, message)}
        else:
            shown = message
        try:
            await self._answered(somebody, shown, subject, caller)
        except (PlaceGone, DiscordRefused) as error:
            if isinstance(error, DiscordRefused) and error.code in MISSHAPEN:
                raise
            log.info("told in a direct message", reason=str(error))
            await self._written(somebody, message, subject, caller)

    async def _replied(self, command: Invocation | None, message: Message) -> bool:
        """Whether Discord took it as a reply to the command they used."""
        if command is None or self._now() > command.at + _TOKEN_SECONDS:
            return False
        try:
            await self._rest.follow_up(command.application_id, command.token, {**message, "flags": EPHEMERAL})
        except (DiscordRefused, PlaceGone) as error:
            log.info("an interaction takes no answer", reason=str(error))
            return False
        return True

    async def _answered(self, somebody: Somebody, message: Message, subject: str, caller: str) -> None:
        """Post it where they did it, as a reply to what they wrote if that is still there."""
        to = {"message_id": somebody.message_id, "fail_if_not_exists": False}
        reply = {**message, "message_reference": to} if somebody.message_id else message
        try:
            await self._posting.post(somebody.channel_id, reply, subject=subject, caller=caller)
        except DiscordRefused as error:
            if error.code != NO_REPLY:
                raise
            await patiently(partial(self._posting.post, somebody.channel_id, message, subject=subject, caller=caller))

    async def _written(self, somebody: Somebody, message: Message, subject: str, caller: str) -> None:
        """Who came back for its second call would make the first one again, in the turn that is kept for the second."""
        told = await self._rest.patiently(
            "POST", "/users/@me/channels", caller=caller, body={"recipient_id": somebody.user_id}
        )
        channel_id = snowflake(mapping(told).get("id"))
        if channel_id is None:
            raise DeliveryUncertain("a direct message without a channel")
        alone = f"{subject} alone"
        elsewhere = components.leading_away(message)
        await patiently(partial(self._posting.post, channel_id, elsewhere, subject=alone, caller=caller))


def asker(question: Question) -> Somebody:
    """Whoever asked this, where they asked it; what was asked by a command stands in the post that shows it."""
    thread, command = question.thread, decode(question.reference).command
    user_id, written = question.asker.user_id, "" if question.unsaid else question.message_id
    if begins(question):
        return Somebody(user_id, thread.channel.channel_id, "", command)
    if is_here(question):
        return Somebody(user_id, thread.thread_id, written, command)
    # what begins the thread shows the question, unless it is the older: then it is what the question is about
    shown = thread.thread_id if int(thread.thread_id) > question.order else ""
    return Somebody(user_id, thread.channel.channel_id, written or shown, command)
