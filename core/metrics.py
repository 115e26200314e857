"""What one process counts, for Prometheus.

Each `Metrics` has a registry of its own, so that nothing is shared between the apps of one process. Labels are few and
fixed: platforms, outcomes, names of errors. No people, channels, workspaces, repositories or words are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from core.errors import ServerError

_ACCEPT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)  # Slack waits for three
_TURN_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0)  # a question is late after fifteen minutes


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counted, timed = self._counter, self._histogram
        self._accepted = timed("accept_seconds", "From a question to its commit.", _ACCEPT_SECONDS, "platform")
        self._again = counted("questions_again", "Deliveries of questions that were accepted before.", "platform")
        self._not_accepted = counted("questions_not_accepted", "Questions the platform has to send again.", "reason")
        self._ended = timed("turn_seconds", "From asking to the outcome.", _TURN_SECONDS, "platform", "outcome")
        self._interrupted = counted("attempts_interrupted", "Attempts that ended without an outcome.", "reason")
        self._resumed = counted("attempts_resumed", "Turns that were claimed again.", "platform")
        self._doubted = counted("posts_in_doubt", "Posts of which it had to be looked whether they stand.", "platform")
        self._unknowable = counted("posts_unknowable", "Posts not made again: nobody could know.", "platform")
        self._running = Gauge("askrepo_answers_running", "Answers this process works on.", registry=self.registry)

    def accepted(self, platform: str, seconds: float) -> None:
        """A question was committed, so many seconds after it came."""
        self._accepted.labels(platform).observe(seconds)

    def again(self, platform: str) -> None:
        """A question came that had been accepted before."""
        self._again.labels(platform).inc()

    def not_accepted(self, error: BaseException) -> None:
        """A question was refused for the platform to send it again."""
        self._not_accepted.labels(type(error).__name__).inc()

    def ended(self, platform: str, outcome: str, seconds: float) -> None:
        """A turn has its outcome, so many seconds after it was asked."""
        self._ended.labels(platform, outcome).observe(seconds)

    def interrupted(self, error: BaseException) -> None:
        """An attempt ended without an outcome."""
        self._interrupted.labels(type(error).__name__).inc()

    def resumed(self, platform: str) -> None:
        """A turn was claimed that had been claimed before: its worker died, lost it, or could not go on."""
        self._resumed.labels(platform).inc()

    def doubted(self, platform: str) -> None:
        """A platform's reply to a post was lost."""
        self._doubted.labels(platform).inc()

    def unknowable(self, platform: str) -> None:
        """It could not be found out whether a post stands, so it was not posted again."""
        self._unknowable.labels(platform).inc()

    def watch(self, running: Callable[[], float]) -> None:
        """How many answers are running is read from here."""
        self._running.set_function(running)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"askrepo_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"askrepo_{name}", text, labels, buckets=buckets, registry=self.registry)


@contextmanager
def served(metrics: Metrics, *, host: str, port: int) -> Iterator[int]:
    """Serve them at `/metrics` while the block runs, in a thread of its own; yields the port. Raises ServerError."""
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ServerError(f"{host}:{port}", reason or "the address cannot be used") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
