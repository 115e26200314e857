"""Whether a question is sent again, and after what wait."""

from __future__ import annotations

import pytest

from core.chat.progress import Reason
from core.chat.retries import ATTEMPTS, INDEXING_SECONDS, LONGEST_WAIT, WORTH_TELLING, Retries
from core.errors import (
    BadRequest,
    BrokenOff,
    ChatError,
    ChatTimeout,
    ConversationTooLong,
    Deadline,
    RateLimited,
    RepositoryIndexing,
    ServiceUnavailable,
    TokenRefused,
    UnknownModel,
    UnknownRepository,
    UnusableAnswer,
)

FOREVER = 1e9


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailable("503"),
        RateLimited("429"),
        ChatTimeout(Deadline.CONNECT, 5),
        ChatTimeout(Deadline.FIRST_TOKEN, 60),
    ],
)
def test_what_may_pass_is_tried_three_times_with_growing_waits(error: ChatError) -> None:
    retries = Retries()
    waits = [retries.after(error, FOREVER) for _ in range(ATTEMPTS)]
    first, second, third = waits
    assert third is None
    assert first is not None
    assert second is not None
    assert 0.5 <= first.seconds <= 1.0 <= second.seconds <= 1.5
    assert not retries.worth_telling


@pytest.mark.parametrize(
    "error",
    [
        TokenRefused(),
        UnknownModel(),
        UnknownRepository(),
        BadRequest(),
        UnusableAnswer(),
        BrokenOff(partial="a"),
        ServiceUnavailable(partial="a"),
        RateLimited(partial="a"),
        ConversationTooLong(),
        ChatTimeout(Deadline.SILENCE, 30),
        ChatTimeout(Deadline.TOTAL, 300),
    ],
)
def test_what_does_not_pass_is_not_tried_again(error: ChatError) -> None:
    assert Retries().after(error, FOREVER) is None


def test_an_index_is_waited_for_once() -> None:
    retries = Retries()
    waiting = retries.after(RepositoryIndexing(), FOREVER)
    assert waiting is not None
    assert (waiting.seconds, waiting.reason) == (INDEXING_SECONDS, Reason.INDEXING)
    assert retries.worth_telling
    assert retries.after(RepositoryIndexing(), FOREVER) is None
    assert retries.after(ServiceUnavailable(), FOREVER) is not None


@pytest.mark.parametrize(("asked", "waits"), [(0, True), (7, True), (LONGEST_WAIT, True), (LONGEST_WAIT + 1, False)])
def test_what_the_service_asks_is_waited_within_reason(asked: float, waits: bool) -> None:
    for error in (RateLimited(retry_after=asked), ServiceUnavailable(retry_after=asked)):
        retries = Retries()
        waiting = retries.after(error, FOREVER)
        assert (waiting is not None) is waits
        if waiting is not None:
            assert asked <= waiting.seconds <= asked + 0.5
            assert retries.worth_telling is (waiting.seconds >= WORTH_TELLING)


def test_waits_are_told_once_they_add_up() -> None:
    retries = Retries()
    assert retries.after(RateLimited(retry_after=6), FOREVER)
    assert not retries.worth_telling
    assert retries.after(RateLimited(retry_after=6), FOREVER)
    assert retries.worth_telling


def test_no_wait_outlasts_the_total_deadline() -> None:
    assert Retries().after(RateLimited(retry_after=10), 10) is None
    assert Retries().after(RepositoryIndexing(), INDEXING_SECONDS) is None
    assert Retries().after(ServiceUnavailable(), -1) is None
