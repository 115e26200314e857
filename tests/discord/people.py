"""What people do with commands, buttons and forms in the fake Discord, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_values import LOADING, Channel, Interaction, Message, Modal, User


class People:
    """People in one channel, unless another is named."""

    def __init__(self, discord: FakeDiscord, channel: Channel) -> None:
        self.discord = discord
        self.channel = channel

    async def uses(
        self, user: User, name: str, options: Mapping[str, Any] | None = None, channel: Channel | None = None
    ) -> Interaction:
        """Use a command, once Discord knows it."""
        await self.discord.until(lambda: self.discord.commands.get(""))
        return await self.discord.command(user, channel or self.channel, name, options)

    async def command(
        self, user: User, name: str, options: Mapping[str, Any] | None = None, channel: Channel | None = None
    ) -> Message:
        """Use a command: the reply to it, once it says something."""
        return await self.reply(await self.uses(user, name, options, channel))

    async def reply(self, interaction: Interaction, number: int = 0) -> Message:
        """What an interaction was answered with: the first message, or a further one. Only its sender sees it."""

        def said() -> list[Message]:
            there = [each for each in interaction.messages() if each is not interaction.message]
            return [each for each in there if each.content and not each.flags & LOADING]

        await self.discord.until(lambda: len(said()) > number)
        message = said()[number]
        assert message.ephemeral_to is interaction.user
        return message

    async def form(self, user: User, interaction: Interaction) -> Modal:
        """The form that an interaction opened, as its first answer."""
        assert interaction.answered == 9, interaction.shown
        return self.discord.modals[user.id]

    async def opened(self, user: User, name: str, options: Mapping[str, Any] | None = None) -> Modal:
        """Use a command that opens a form."""
        return await self.form(user, await self.uses(user, name, options))

    async def again(self, user: User, said: Message) -> Modal:
        """Try a form again that had something wrong."""
        return await self.form(user, await self.discord.clicks(user, said, "Try again"))

    async def sent(self, user: User, modal: Modal | None = None, **values: Any) -> Message:
        """Send a form off: what is said of it."""
        return await self.reply(await self.discord.submits(user, modal, **values))

    async def mends(self, user: User, said: Message, words: str, **values: Any) -> None:
        """Send a form that was opened again; it is said in place of what was wrong."""
        await self.discord.submits(user, **values)
        await self.discord.until(lambda: words in said.content)


def filled(modal: Modal) -> dict[str, Any]:
    """What stands in the fields of a form."""
    chosen = {
        name: [each["value"] for each in field["options"] if each.get("default")]
        for name, field in modal.inputs.items()
        if "options" in field
    }
    return {name: field.get("value", "") for name, field in modal.inputs.items()} | chosen
