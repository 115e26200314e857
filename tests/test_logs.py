"""One event is one line, and holds no secret and nothing that could forge another."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from core import logs
from core.secret import Secret

Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Read]:
    """Logging configured as JSON at DEBUG; what was written so far, parsed."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level, logging.raiseExceptions = before
    structlog.reset_defaults()


def test_a_secret_is_masked_wherever_it_slips_in(lines: Read) -> None:
    token = Secret("tok-3f9a8b7c6d5e")
    log = logs.get("core.test")
    log.info("sent tok-3f9a8b7c6d5e", header="Bearer tok-3f9a8b7c6d5e", data={"token": token.reveal()})
    try:
        raise RuntimeError("refused tok-3f9a8b7c6d5e")
    except RuntimeError:
        log.exception("it failed")
    logging.getLogger("elsewhere").warning("tok-3f9a8b7c6d5e")
    written = lines()
    assert len(written) == 3
    assert "3f9a8b7c" not in json.dumps(written)


@pytest.mark.parametrize(
    "value", ["tok-3f9a\\8b7c", "tok\\\\3f9a8b7c", "tok'3f9a8b7c", 'tok"3f9a8b7c', "\\tok'3f9a\"8b7c'"]
)
@pytest.mark.parametrize("words", ["refused {}", 'refused "{}"', "refused '{}', \"it\" says"])
def test_one_is_masked_however_it_is_quoted(value: str, words: str, lines: Read) -> None:
    token, said = Secret(value), words.format(value)
    log = logs.get("core.test")
    log.info("sent", data={"token": [token.reveal(), said]}, pair=(said, {said: said}))
    for error in (RuntimeError(said), KeyError(said), ExceptionGroup(said, [LookupError(said)])):
        try:
            raise error
        except Exception:
            log.exception("it failed")
    logging.getLogger("elsewhere").warning("refused: %r, %r", said, value)
    assert len(lines()) == 5
    assert "3f9a" not in json.dumps(lines())
    assert "8b7c" not in json.dumps(lines())


def test_an_exception_shows_no_local_variables(lines: Read) -> None:
    def fail(argument: str) -> None:
        local = argument.upper()
        raise LookupError(len(local))

    try:
        fail("a-private-value")
    except LookupError:
        logs.get("core.test").exception("it failed")
    (line,) = lines()
    assert "private" not in json.dumps(line).lower()
    assert "LookupError" in line["exception"]


@pytest.mark.parametrize("text", ["postgresql://me:hunter2@db/askrepo", "https://me:hunter2@chat.example.com/x?a=1"])
def test_credentials_in_an_address_are_masked(text: str, lines: Read) -> None:
    logs.get("core.test").info(f"at {text}", url=text)
    assert "hunter2" not in json.dumps(lines())


def test_other_libraries_are_heard_from_warnings_on(lines: Read) -> None:
    for name in ("httpx", "slack_sdk.web", "asyncio"):
        logging.getLogger(name).debug("a whole body")
        logging.getLogger(name).warning("a warning")
    assert [line["event"] for line in lines()] == ["a warning"] * 3


@given(st.text(max_size=200))
def test_no_text_forges_a_line_or_reaches_the_terminal(text: str) -> None:
    clean = logs.redact(text)
    assert not set(clean) & set("\x00\x1b\x07\x08\x7f\x9b\u2028\u2029\r")


def test_a_line_that_cannot_be_written_is_shown_nowhere_else(capfd: pytest.CaptureFixture[str], lines: Read) -> None:
    with Path("/dev/full").open("a", buffering=1) as full:
        logs.configure("debug", "json", full)
        logging.getLogger("elsewhere").warning("tok-3f9a8b7c6d5e")
        with suppress(OSError):
            full.close()
    assert capfd.readouterr() == ("", "")


def test_a_field_is_bounded(lines: Read) -> None:
    logs.get("core.test").info("x" * 1_000_000)
    assert len(lines()[0]["event"]) < 5_000
