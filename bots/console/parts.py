"""What of the core a console needs. `core.bootstrap.App` has it all, but only the command may know that module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from core.channels.commands import Commands
from core.channels.mappings import Mappings
from core.conversation.history import History
from core.conversation.threads import Threads
from core.localchat.repos import Repositories
from core.relay.claims import Scope
from core.relay.delivery import Delivery
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.relay.worker import Worker
from core.settings import Settings


class Parts(Protocol):
    """The open parts of this process."""

    settings: Settings
    history: History
    threads: Threads
    mappings: Mappings
    commands: Commands
    intake: Intake
    leases: Leases
    repositories: Repositories

    def worker(self, deliveries: Mapping[str, Delivery], scope: Scope) -> Worker:
        """A worker that shows answers through these deliveries."""
        ...
