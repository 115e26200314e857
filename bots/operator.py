"""What whoever runs askrepo does from the shell: mappings and tokens of any channel, keys, and the embedded /chat."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bots.console import place
from bots.console.arrival import around, channel_around
from bots.console.commands import check_no_folder
from bots.console.host import machine
from bots.console.outgoing import harmless
from bots.errors import CommandError
from bots.signals import handled
from core import backup
from core.channels import grammar
from core.channels.choosing import choose
from core.channels.commands import Commands
from core.channels.mappings import Mappings
from core.channels.rotation import Rotation
from core.channels.tokens import StoredToken, Tokens
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import RepositoryNameError
from core.localchat.repos import Repositories
from core.localchat.server import serving
from core.repositories import parse
from core.secret import Secret
from core.settings import Settings, data_folder
from core.wording import in_shell

_LONGEST_TOKEN = 65_536  # octets read of a token; a real one is far shorter, and a longer text is told so

# What an id looks like, and where it is found; a name, or an id of elsewhere, would be mapped and never asked in.
_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_COPY = "turn on Developer Mode in Discord's settings, then its menu has Copy {} ID"
_WORKSPACES = {
    "slack": (re.compile(r"[TE][A-Z0-9]+", re.ASCII), "it begins with T, and stands in the address of Slack's web app"),
    "discord": (_DIGITS, _COPY.format("Server")),
}
_CHANNELS = {
    "slack": (re.compile(r"[CGD][A-Z0-9]+", re.ASCII), "it begins with C, and stands below the channel's details"),
    "discord": (_DIGITS, _COPY.format("Channel")),
}


@dataclass(frozen=True, slots=True)
class Where:
    """The options that name a channel. None: this machine's console, and the folder the command was run in."""

    platform: str = place.PLATFORM
    workspace: str | None = None
    channel: str | None = None


def believes(where: Where, folder: Path) -> bool:
    """Whether a command about `where`, run in this folder, takes settings from the `.env` there.

    In a working tree that file is the repository's, and whoever wrote that must not say where its reader's token goes.
    """
    return where.platform != place.PLATFORM or around(folder) is None


def user() -> str:
    """Who runs this process, by the system's name for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return str(os.getuid()) if hasattr(os, "getuid") else "user"


def here() -> WorkspaceRef:
    """The workspace of this user's consoles on this machine."""
    return place.workspace(user(), machine(data_folder(), socket.gethostname()))


def workspace_of(where: Where) -> WorkspaceRef:
    """The workspace that is meant. Raises CommandError, also for an id that is no console's where none is named."""
    if where.workspace is not None:
        if where.platform == place.PLATFORM and "@" not in where.workspace:
            named = harmless(where.workspace)
            raise CommandError(f"`{named}` is no console's workspace: say `--platform slack` or `--platform discord`.")
        _check("workspace", _WORKSPACES, where.platform, where.workspace)
        return WorkspaceRef(where.platform, where.workspace)
    if where.platform != place.PLATFORM:
        raise CommandError(f"Say which workspace of {where.platform} is meant, with `--workspace ID`.")
    return here()


def channel_of(where: Where) -> ChannelRef:
    """The channel that is meant. Raises CommandError."""
    workspace = workspace_of(where)
    if where.channel is not None and where.platform == place.PLATFORM:
        return _consoles(workspace, where.channel)
    if where.channel is not None:
        _check("channel", _CHANNELS, where.platform, where.channel)
        return ChannelRef(workspace.platform, workspace.workspace_id, where.channel)
    if where.platform != place.PLATFORM:
        raise CommandError(f"Say which channel of {where.platform} is meant, with `--channel ID`.")
    return channel_around(workspace, Path.cwd())


def _check(what: str, forms: Mapping[str, tuple[re.Pattern[str], str]], platform: str, given: str) -> None:
    """Raises CommandError where this cannot be such an id."""
    form, found = forms.get(platform, (None, ""))
    if form is not None and not form.fullmatch(given):
        raise CommandError(f"`{harmless(given)}` is no {what}'s id: {found}.")


def _consoles(workspace: WorkspaceRef, given: str) -> ChannelRef:
    """The channel of a folder, or of a repository. Raises CommandError."""
    try:
        return place.channel(workspace, given if Path(given).is_absolute() else parse(given))
    except RepositoryNameError:
        raise CommandError(
            f"`{harmless(given)}` is no console's channel: that is a folder's whole path, or a repository's name."
        ) from None


async def command(commands: Commands, words: Sequence[str], where: Where) -> str:
    """Run one of the chats' commands for a channel. Raises AskrepoError and CommandError."""
    meant = grammar.parse(" ".join(words))
    if isinstance(meant, grammar.Ask):
        raise CommandError(
            f"`{harmless(' '.join(words))}` is no command; `askrepo {words[0]} --help` shows how it goes."
        )
    check_no_folder(meant, "run")
    return harmless(in_shell(await commands.carry_out(meant, channel_of(where), f"{user()} (shell)")))


def read_token(descriptor: int | None) -> Secret:
    """A token from a hidden prompt, from standard input, or from a file descriptor. Raises CommandError."""
    if descriptor is None and sys.stdin is not None and sys.stdin.isatty():
        return Secret(getpass.getpass("Token (it is not shown): "))
    number = 0 if descriptor is None else descriptor
    given = b""
    try:
        while len(given) < _LONGEST_TOKEN and (more := os.read(number, _LONGEST_TOKEN - len(given))):
            given += more
    except OSError as error:
        raise CommandError(f"The token cannot be read from file descriptor {number}: {error.strerror}.") from None
    return Secret(given.decode("utf-8", "replace").strip())


async def set_token(
    mappings: Mappings, tokens: Tokens, where: Where, secret: Secret, *, repository: str | None, label: str
) -> str:
    """Store the token of a mapping, where a channel or repository is named, else of the workspace."""
    actor = f"{user()} (shell)"
    if where.channel is None and repository is None:
        stored = await tokens.save_for_workspace(workspace_of(where), secret, label=label, actor=actor)
        return f"The workspace's token is stored: {_described(stored)}."
    channel = channel_of(where)
    name = repository or choose(await mappings.facts(channel), "").repository
    stored = await tokens.save_for_mapping(channel, name, secret, label=label, actor=actor)
    return f"The token for {name} is stored: {_described(stored)}."


async def listed_tokens(tokens: Tokens, where: Where) -> str:
    """The workspace's stored tokens, as far as they are ever shown."""
    stored = await tokens.list(workspace_of(where))
    if not stored:
        return "No token is stored for this workspace."
    return "\n".join(f"{each.purpose}: {_described(each)}, {_state(each)}" for each in stored)


def _described(stored: StoredToken) -> str:
    parts = [
        stored.label,
        f"ending in {stored.last_four}" if stored.last_four else "",
        f"fingerprint {stored.fingerprint}",
    ]
    return harmless(", ".join(part for part in parts if part))


def _state(stored: StoredToken) -> str:
    if stored.elsewhere:
        state = "entered for another service and not sent to this one"
    elif stored.refused_at is not None:
        state = f"refused by the service on {stored.refused_at:%Y-%m-%d %H:%M} UTC"
    else:
        state = "in use"
    return harmless(f"set by {stored.set_by} on {stored.set_at:%Y-%m-%d %H:%M} UTC, {state}")


async def rotate(rotation: Rotation, *, dry_run: bool) -> str:
    """Seal everything anew under the first key. Raises CommandError where something could not be."""
    pending = await rotation.pending()
    if pending == 0:
        return "Everything stored is sealed under the first key."
    if dry_run:
        return f"{_values(pending)} to be sealed anew."
    renewed = unreadable = 0
    async for batch in rotation.batches():
        renewed += batch.renewed
        unreadable += batch.unreadable
    if unreadable:
        raise CommandError(
            f"{_values(renewed)} sealed anew, but {unreadable} could not be opened; keep the older keys."
        )
    left = await rotation.pending()
    more = f" {_values(left)} left; run this again." if left else " The older keys are not needed any more."
    return f"{_values(renewed)} sealed anew.{more}"


def _values(count: int) -> str:
    return "1 stored value is" if count == 1 else f"{count} stored values are"


def back_up(settings: Settings, folder: Path) -> str:
    """Copy database and key file into the folder. Raises BackupError, SettingsError and OSError."""
    made = " and ".join(f"`{path}`" for path in backup.into(folder, settings))
    apart = "keep `ASKREPO_SECRET_KEYS` apart from it" if settings.secret_keys else "whoever has both can read it all"
    return harmless(f"Copied into {made}; {apart}.")


async def serve(
    repositories: Repositories, folders: Sequence[Path], *, token: Secret | None, host: str, port: int
) -> None:
    """The embedded /chat as a server, until SIGTERM or Ctrl-C. Raises RepositoryPathError and ServerError."""
    names = [await asyncio.to_thread(repositories.add, folder) for folder in folders]
    ended = asyncio.Event()
    with handled({"SIGINT": ended.set, "SIGTERM": ended.set}):
        async with serving(repositories, token=token, host=host, port=port) as url:
            for name in dict.fromkeys(names):
                print(f"{name} is {repositories.folder(name)}")
            if not names:
                print("Answers are about public repositories, cloned when they are asked about; --repo adds a folder.")
            if token is None:
                print("No ASKREPO_CHAT_TOKEN is set: whoever reaches this address may ask.", file=sys.stderr)
            print(f"Listening on {url}", flush=True)
            await ended.wait()
