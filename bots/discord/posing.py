"""Questions that have no post of their own yet: by `/askrepo`, or about a message."""

from __future__ import annotations

from dataclasses import replace

from bots.discord.asking import Asking
from bots.discord.interactions import Sender
from bots.discord.reference import Invocation, Reference
from bots.discord.replying import Reply
from core.conversation.values import UNSAID, ThreadRef

_ELSEWHERE = "Your question is shown in this channel, and answered in a thread of its own."
_IN_PLACE = "Your question is shown here, and answered here."
_ABOUT = "Your question is shown and answered in the thread of that message."


class Posing:
    """Has such questions answered. Raises DatabaseError and DeliveryError."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def command(self, reply: Reply, sender: Sender, text: str) -> None:
        """A question by command: its thread begins with the post that shows it, unless it was asked in one."""
        thread = sender.thread or ThreadRef(sender.channel, _message_id(sender))
        direct = sender.spot.direct
        reference = Reference(in_thread=sender.thread is not None and not direct, direct=direct)
        await self._pose(sender, thread, text, reference, Invocation("", ""))
        await reply.say(_ELSEWHERE if sender.thread is None else _IN_PLACE)

    async def about_message(
        self, reply: Reply, sender: Sender, thread_id: str, text: str, reference: Reference
    ) -> None:
        """A question about a message of this thread; the reference has what it says."""
        thread = ThreadRef(sender.channel, thread_id)
        await self._pose(sender, thread, text, reference, reference.command or Invocation("", ""))
        await reply.say(_ABOUT if sender.thread is None else _IN_PLACE)

    async def _pose(
        self, sender: Sender, thread: ThreadRef, text: str, reference: Reference, invocation: Invocation
    ) -> None:
        handle = sender.handle
        command = replace(
            invocation, application_id=handle.application_id, token=handle.token, at=handle.at.timestamp()
        )
        order, told = int(handle.interaction_id), replace(reference, outsider=False, command=command)
        await self._asking.unsaid(thread, _message_id(sender), order, sender.asker, text, told)


def _message_id(sender: Sender) -> str:
    return f"{UNSAID}{sender.handle.interaction_id}"
