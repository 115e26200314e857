"""What simulations came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.proof.history import History

_SLOWNESS = frozenset({"delay", "silent"})


@dataclass
class Tally:
    """What one run came to, or several together."""

    turns: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    in_calm: int = 0  # turns that had no outcome yet when the trouble ended

    def each(self, *, slow: bool = True) -> float:
        """Faults of a turn, on average; without `slow` only what failed, not what was late."""
        counted = sum(many for name, many in self.faults.items() if slow or name not in _SLOWNESS)
        return counted / max(1, self.turns)

    def share(self, outcome: str | None = None) -> float:
        """How many of the turns had this outcome, or any."""
        return (self.outcomes[outcome] if outcome else self.outcomes.total()) / max(1, self.turns)

    def add(self, other: Tally) -> None:
        """Count what another one came to as well."""
        self.turns += other.turns
        self.outcomes += other.outcomes
        self.faults += other.faults
        self.problems += other.problems
        self.in_calm += other.in_calm

    def line(self) -> str:
        """In a line."""
        outcomes = ", ".join(f"{many} {name}" for name, many in sorted(self.outcomes.items()))
        calm = self.in_calm / max(1, self.turns)
        return (
            f"{self.turns} turns ({outcomes}; {calm:.1%} in calm), {self.each():.1f} faults each, "
            f"{self.each(slow=False):.1f} without mere slowness, {len(self.problems)} violations"
        )


@dataclass(kw_only=True)
class Result(Tally):
    """What one run came to."""

    seed: int
    virtual_seconds: float
    history: History

    def line(self) -> str:
        """In a line, with what replays it."""
        return f"seed {self.seed}: {super().line()}, {self.virtual_seconds / 3600:.1f} virtual hours"
