"""What a simulation came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.proof.history import History

_SLOWNESS = frozenset({"delay", "silent"})


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to."""

    seed: int
    turns: int
    outcomes: Counter[str]
    faults: Counter[str]
    problems: list[str]
    virtual_seconds: float
    history: History

    def each(self, *, slow: bool = True) -> float:
        """Faults of a turn, on average; without `slow` only what failed, not what was late."""
        counted = sum(many for name, many in self.faults.items() if slow or name not in _SLOWNESS)
        return counted / max(1, self.turns)

    def line(self) -> str:
        """In a line, with what replays it."""
        outcomes = ", ".join(f"{many} {name}" for name, many in sorted(self.outcomes.items()))
        return (
            f"seed {self.seed}: {self.turns} turns ({outcomes}), {self.each():.1f} faults each, "
            f"{self.each(slow=False):.1f} without mere slowness, {self.virtual_seconds / 3600:.1f} virtual hours, "
            f"{len(self.problems)} violations"
        )
