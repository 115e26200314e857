"""Discord's permissions, as bits of a number, and which of them the bot asks for."""

from __future__ import annotations

from collections.abc import Mapping

from bots.discord.fields import number
from bots.discord.posts import WITHOUT_THREADS

ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
MANAGE_SERVER = 1 << 5  # MANAGE_GUILD
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
CONNECT = 1 << 20
CREATE_PUBLIC_THREADS = 1 << 35
SEND_MESSAGES_IN_THREADS = 1 << 38

NAMES: Mapping[int, str] = {
    VIEW_CHANNEL: "View Channels",
    SEND_MESSAGES: "Send Messages",
    ATTACH_FILES: "Attach Files",
    READ_MESSAGE_HISTORY: "Read Message History",
    CONNECT: "Connect",
    CREATE_PUBLIC_THREADS: "Create Public Threads",
    SEND_MESSAGES_IN_THREADS: "Send Messages in Threads",
    MANAGE_CHANNELS: "Manage Channels",
    MANAGE_SERVER: "Manage Server",
}

WANTED: Mapping[int, str] = {
    VIEW_CHANNEL: "to hear what is asked",
    SEND_MESSAGES: "to show a question that came by a command, and notices",
    ATTACH_FILES: "for what of a long answer is too much for messages",
    READ_MESSAGE_HISTORY: "for the thread around a question, and to find an answer again after a crash",
    CREATE_PUBLIC_THREADS: "to answer a question in a thread of its own",
    SEND_MESSAGES_IN_THREADS: "to answer there",
}


def to_read(kind: object) -> tuple[int, ...]:
    """What reading a channel of this type needs: beside a voice channel or a stage, who may not connect sees nothing.

    https://docs.discord.com/developers/topics/permissions#implicit-permissions
    """
    return (VIEW_CHANNEL, CONNECT) if number(kind) in WITHOUT_THREADS else (VIEW_CHANNEL,)


def has(permissions: int, *wanted: int) -> bool:
    """Whether somebody has all of these; administrators have every one."""
    return bool(permissions & ADMINISTRATOR) or all(permissions & each for each in wanted)
