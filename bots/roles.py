"""What a process does, by name."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    SLACK = "slack"
    DISCORD = "discord"
    WORKER = "worker"
