"""Buttons, carried out by whichever process hears of them; and the message menu that asks about a message.

Whatever a button names (a turn, a suspension, a form) is looked up and checked when it is pressed: it may be old,
somebody else's, or made up.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from bots.discord import components, modals, reading
from bots.discord.forms import About
from bots.discord.interactions import Clicked, Sender, Shortcut
from bots.discord.managing import REOPEN, Managing
from bots.discord.manifest import ABOUT_MESSAGE
from bots.discord.reference import Invocation, Reference
from bots.discord.replying import Reply
from bots.discord.text import quotable
from bots.discord.words import words
from bots.parts import Parts
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.pasted import holds_token
from core.relay.steering import NOT_HERE, NOTHING_RUNS, Steering

_THANKED = 10_000

log = logs.get(__name__)


class Pressing:
    """Does what was pressed; what comes of it is told. Raises DeliveryError."""

    def __init__(self, parts: Parts, managing: Managing, steering: Steering, tasks: Tasks) -> None:
        self._parts = parts
        self._managing = managing
        self._steering = steering
        self._tasks = tasks
        self._thanked: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def shortcut(self, reply: Reply, shortcut: Shortcut) -> None:
        """Somebody wants to ask about a message: open the form."""
        if shortcut.name != ABOUT_MESSAGE:
            await reply.say(NOT_HERE)
            return
        await self._managing.told(reply, self._managing.form(reply, shortcut.sender, _about(shortcut)))

    async def clicked(self, reply: Reply, clicked: Clicked) -> None:
        """A button was pressed: open its form, or acknowledge it and do what it is for."""
        await self._managing.told(reply, self._clicked(reply, clicked))

    async def _clicked(self, reply: Reply, clicked: Clicked) -> None:
        managing, sender, value = self._managing, clicked.sender, clicked.value
        match clicked.action:
            case components.MAP:
                await managing.map_form(reply, sender, turn_id=value)
            case components.TOKEN:
                await managing.token_by_button(reply, sender, value)
            case components.DEFAULT:
                await managing.default_form(reply, sender)
            case action if action == REOPEN:
                await managing.reopen(reply, sender, value)
            case components.RETRY | components.AGAIN | components.STOP:
                await self._tasks.begin(steering := asyncio.create_task(self._steered(clicked)))
                await reply.update()
                if said := await steering:
                    await reply.say(said)
            case _:
                await reply.update()
                await self._done(reply, clicked)

    async def _steered(self, clicked: Clicked) -> str:
        """Done before the press is acknowledged, where that is soon enough: it is sent once."""
        sender, value = clicked.sender, clicked.value
        here = await self._managing.place(sender, value) is not None
        if clicked.action == components.STOP:
            return await self._steering.stop_turn(sender.channel, value) if here else NOTHING_RUNS
        return await self._steering.again(sender.channel, value, sender.asker.user_id) if here else NOT_HERE

    async def _done(self, reply: Reply, clicked: Clicked) -> None:
        sender, value, said = clicked.sender, clicked.value, ""
        match clicked.action:
            case components.GOOD | components.BAD:
                said = await self._rated(sender, value, helpful=clicked.action == components.GOOD)
            case components.CONFIRM:
                actor = self._managing.rights(sender).actor(sender.asker.user_id)
                if actor.may_manage:
                    done = await self._managing.confirm(sender, value)
                    await reply.say(done, instead=clicked.ephemeral)
                    return
                said = replies.denied(actor.right)
            case _:
                log.debug("nothing to be done")
        if said:
            await reply.say(said)

    async def _rated(self, sender: Sender, turn_id: str, *, helpful: bool) -> str:
        """Note what they think of an answer; they are thanked once by each process."""
        user_id = sender.asker.user_id
        if await self._managing.place(sender, turn_id) is None:
            return NOT_HERE
        await self._parts.feedback.give(sender.workspace, turn_id, user_id, helpful=helpful)
        if (turn_id, user_id) in self._thanked:
            return ""
        self._thanked[turn_id, user_id] = None
        if len(self._thanked) > _THANKED:
            self._thanked.popitem(last=False)
        return "Thank you. You can change your mind by pressing the other one."


async def _about(shortcut: Shortcut) -> About | str:
    """The form to ask about this message, whose thread is opened from it where it stands in none; or why not."""
    sender = shortcut.sender
    post = reading.of_raw(shortcut.message, sender.spot, None)
    said = quotable(words(shortcut.message), post.names) if post is not None else ""
    if post is None or not (said or post.files):
        return replies.NO_TEXT
    if holds_token(said):
        return replies.token_pasted()
    reference = Reference(
        in_thread=sender.thread is not None,
        files=post.files,
        left_out=post.left_out,
        command=Invocation("", about_text=said),
    )
    thread_id = sender.thread.thread_id if sender.thread is not None else shortcut.message_id
    return About(modals.ASK_FORM, thread_id=thread_id, reference=reference.encode())
