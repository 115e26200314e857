"""What of the core a platform needs. `core.bootstrap.App` has it all, but only the command may know that module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from core.channels.commands import Commands
from core.channels.mappings import Mappings
from core.channels.moves import Moves
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.channels.trials import Trials
from core.conversation.feedback import Feedback
from core.conversation.history import History
from core.conversation.threads import Threads
from core.installations import Installations
from core.metrics import Metrics
from core.relay.claims import Scope
from core.relay.delivery import Delivery
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.relay.limits import Allowances
from core.relay.revisions import Revisions
from core.relay.worker import Worker
from core.settings import Settings
from core.tickets import Passes, Tickets


class Parts(Protocol):
    """The open parts of this process."""

    settings: Settings
    metrics: Metrics
    history: History
    threads: Threads
    mappings: Mappings
    moves: Moves
    preferences: Preferences
    tokens: Tokens
    trials: Trials
    commands: Commands
    intake: Intake
    revisions: Revisions
    leases: Leases
    feedback: Feedback
    allowances: Allowances
    installations: Installations
    tickets: Tickets
    passes: Passes

    def worker(self, deliveries: Mapping[str, Delivery], scope: Scope) -> Worker:
        """A worker that shows answers through these deliveries."""
        ...
