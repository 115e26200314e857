"""What a process does, and where, by name."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    SLACK = "slack"
    DISCORD = "discord"
    WORKER = "worker"


class Platform(StrEnum):
    """Where questions are asked."""

    CONSOLE = "console"
    SLACK = "slack"
    DISCORD = "discord"
