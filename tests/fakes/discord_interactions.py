"""Commands, context menus, buttons, autocomplete and forms: what people do with the app's own surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.discord_components import walk
from tests.fakes.discord_house import House
from tests.fakes.discord_payloads import command_data, new_interaction, submitted, target_data
from tests.fakes.discord_permissions import in_channel, may, sees
from tests.fakes.discord_responses import PRESSED_COMMAND, PRESSED_COMPONENT, SUBMITTED, TYPED
from tests.fakes.discord_values import Channel, Interaction, Json, Message, Modal, User


class Interactions(House):
    """Each waits for the app's first answer (`patience` seconds of the real clock) and returns the interaction."""

    def __init__(self) -> None:
        super().__init__()
        self.patience = 10.0
        self.ignores_defaults = False  # a server's administrators let everybody use every command

    async def command(
        self,
        user: User,
        channel: Channel,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        user_install: bool = False,
        wait: bool = True,
    ) -> Interaction:
        """Use a slash command; `name` with its group and subcommand: "askrepo map". Options by name."""
        definition, path = self._defined(user, channel, name, 1, user_install=user_install)
        data = command_data(channel.guild, definition, path, options or {})
        return await self._happens(PRESSED_COMMAND, user, channel, data, user_install=user_install, wait=wait)

    async def autocompletes(
        self, user: User, channel: Channel, name: str, option: str, typed: str, options: Mapping[str, Any] | None = None
    ) -> list[Json]:
        """Type into an option of a command; the choices that are offered."""
        definition, path = self._defined(user, channel, name, 1)
        data = command_data(channel.guild, definition, path, {**(options or {}), option: typed}, option)
        return (await self._happens(TYPED, user, channel, data)).choices

    async def context_command(
        self, user: User, message: Message, name: str, *, user_install: bool = False, wait: bool = True
    ) -> Interaction:
        """Choose an app's entry in the menu of a message."""
        definition, _ = self._defined(user, message.channel, name, 3, user_install=user_install)
        data = target_data(definition, message)
        return await self._happens(PRESSED_COMMAND, user, message.channel, data, user_install=user_install, wait=wait)

    async def clicks(
        self, user: User, message: Message, button: str, values: list[str] | None = None, *, wait: bool = True
    ) -> Interaction:
        """Press the button with this custom_id or label, or choose `values` of a select."""
        found = [
            each for each in walk(message.components) if button in {each.get("custom_id"), each.get("label")} - {None}
        ]
        assert found, f"there is no {button!r} on the message, only {message.buttons}"
        assert not found[0].get("disabled"), f"{button!r} is disabled"
        assert not message.deleted, "the message is gone"
        assert message.ephemeral_to in {None, user}, f"{user.name} does not see it"
        data = {"component_type": found[0]["type"], "custom_id": found[0]["custom_id"], "id": found[0].get("id", 1)}
        data |= {"values": values} if values is not None else {}
        return await self._happens(PRESSED_COMPONENT, user, message.channel, data, message=message, wait=wait)

    async def submits(self, user: User, modal: Modal | None = None, *, wait: bool = True, **values: Any) -> Interaction:
        """Send a form off, the open one unless another is given. Values by custom_id; else what is filled in."""
        form = modal or self.modals[user.id]
        unknown = set(values) - set(form.inputs)
        assert not unknown, f"the form has no {unknown}, only {list(form.inputs)}"
        data = {"custom_id": form.custom_id, "components": submitted(form.components, values)}
        self.modals.pop(user.id, None)
        origin = form.interaction
        message = origin.message if origin.type == PRESSED_COMPONENT else None
        return await self._happens(SUBMITTED, user, origin.channel, data, message=message, opener=origin, wait=wait)

    def closes(self, user: User) -> None:
        """Close the open form; the app hears nothing."""
        self.modals.pop(user.id, None)

    def _defined(
        self, user: User, channel: Channel, name: str, kind: int, *, user_install: bool = False
    ) -> tuple[Json, list[str]]:
        """The registered command that this person is offered here, and the path to the subcommand."""
        guild_id = channel.guild.id if channel.guild else ""
        scopes = [*self.commands.get(guild_id, []), *(self.commands.get("", []) if guild_id else [])]
        first, *path = name.split() if kind == 1 else [name]
        found = next((each for each in scopes if (each["name"], each["type"]) == (first, kind)), None)
        assert found is not None, f"no command {first!r} of type {kind} is registered"
        context = 0 if channel.guild else 1 if self.bot in channel.recipients else 2
        assert found["contexts"] is None or context in found["contexts"], f"{first} is not offered in context {context}"
        installed = 1 if user_install or (channel.guild and channel.guild.id not in self.guilds) else 0
        assert installed in found["integration_types"], f"{first} is not offered for installation type {installed}"
        wanted = int(found["default_member_permissions"] or 0)
        if channel.guild and not self.ignores_defaults:
            allowed = in_channel(channel, user)
            assert allowed & wanted == wanted, f"{first} is hidden from {user.name}"
            assert may(channel, user, "USE_APPLICATION_COMMANDS"), f"{user.name} may use no commands here"
        return found, path

    async def _happens(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        message: Message | None = None,
        user_install: bool = False,
        opener: Interaction | None = None,
        wait: bool = True,
    ) -> Interaction:
        assert sees(channel, user), f"{user.name} does not see {channel.name}"
        interaction, payload = new_interaction(
            self, kind, user, channel, data, message=message, user_install=user_install, opener=opener
        )
        guild = channel.guild if channel.guild and channel.guild.id in self.guilds else None
        heard = any(session.serves(guild) for session in self.gateway.sessions.values())
        self.gateway.dispatch("INTERACTION_CREATE", payload, guild, intent=0)
        if heard and wait:
            try:
                await self.until(lambda: interaction.answered, self.patience)
            except TimeoutError:
                self.violated("not_answered", f"interaction of type {kind}", str(data.get("name") or data["custom_id"]))
        return interaction

    async def answered(self, interaction: Interaction, seconds: float = 60.0) -> str:
        """What the original answer says once it is there, after a defer too."""

        def there() -> bool:
            original = interaction.original
            return original is not None and not original.flags & 1 << 7

        await self.until(there, seconds)
        return interaction.shown
