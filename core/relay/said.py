"""What an answer comes to, before it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from core.conversation.values import Outcome
from core.relay.pages import closed


@dataclass(frozen=True, slots=True)
class Said:
    """What the thread gets to read: the service's text, as far as it came, and remarks of ours below it."""

    outcome: Outcome
    text: str
    remarks: tuple[str, ...] = ()
    model: str | None = None

    def covers(self, *, same_asker: bool) -> bool:
        """Whether a question that was asked with it ends with it too.

        One that was stopped ends only its asker's own, and only once there was text to stop; one that failed, none.
        """
        return self.outcome is Outcome.ANSWERED or (self.outcome is Outcome.STOPPED and bool(self.text) and same_asker)

    def shown(self) -> str:
        """All of it as one Markdown text; a code block that was cut off is closed before our remarks."""
        if not self.remarks:
            return self.text
        return "\n\n".join(filter(None, (closed(self.text), *self.remarks)))
