"""Where a console is: the folder or the named repository it was started on, mapped so that questions can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bots.console import place
from core.channels.choosing import Mapping
from core.channels.mappings import Mappings
from core.conversation.values import ChannelRef, WorkspaceRef
from core.localchat import places
from core.localchat.repos import Repositories
from core.repositories import parse, same


async def arrive(
    mappings: Mappings, repositories: Repositories, here: WorkspaceRef, *, repo: str | None, folder: Path, actor: str
) -> ChannelRef:
    """The console's channel: of `repo`, a path or a name, or of what lies around `folder`.

    A repository that is given or found is mapped there, and a folder can be asked about. Raises RepositoryNameError,
    RepositoryPathError and DatabaseError.
    """
    if repo is None:
        root = around(folder)
        if root is None:
            return channel_around(here, folder)
    elif _is_name(repo):
        channel = place.channel(here, parse(repo))
        await _map(mappings, channel, channel.channel_id, actor)
        return channel
    else:
        root = Path(repo)
    name = await asyncio.to_thread(repositories.add, root)
    found = (await asyncio.to_thread(places.locate, root)).folder
    channel = place.channel(here, found)
    for former in await _map_folder(mappings, channel, name, f"{actor} (folder)"):
        repositories.also(former, found)
    return channel


def channel_around(here: WorkspaceRef, folder: Path) -> ChannelRef:
    """The channel of a console that is started in this folder; git is not asked."""
    return place.channel(here, around(folder) or folder)


def _is_name(repo: str) -> bool:
    """Whether the text can only be a name: what exists as a folder, or is written like one, is a path."""
    return not repo.startswith((".", "/", "~")) and not Path(repo).exists()


def around(folder: Path) -> Path | None:
    """The repository a folder lies in, found without git: outside of any, none is needed."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


async def _map_folder(mappings: Mappings, channel: ChannelRef, name: str, actor: str) -> list[str]:
    """Map the folder under the name that it has now, and return those it had: of these are its older conversations."""
    here = await mappings.list(channel)
    known, default = any(same(each.repository, name) for each in here), becomes_default(here, name, actor)
    if default or not known:
        await mappings.map(channel, name, default=default, actor=actor)
    return [each.repository for each in here if each.set_by == actor and not same(each.repository, name)]


def becomes_default(here: Sequence[Mapping], name: str, actor: str) -> bool:
    """Pure: whether the folder's name takes over from its former one, which stands there in the name of `actor`.

    What somebody has chosen stays.
    """
    default = next((each for each in here if each.is_default), None)
    return default is None or (default.set_by == actor and not same(default.repository, name))


async def _map(mappings: Mappings, channel: ChannelRef, name: str, actor: str) -> None:
    if not any(same(mapping.repository, name) for mapping in await mappings.list(channel)):
        await mappings.map(channel, name, actor=actor)
