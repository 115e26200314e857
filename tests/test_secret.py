"""A secret is never shown by accident, and what cannot be a token is refused without being repeated.

With every octet at every place, SE-02: tests/test_odd_tokens.py.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import io
import json
import logging
import pickle
import pprint
import reprlib
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Column, MetaData, String, Table, create_engine, insert
from sqlalchemy.exc import DBAPIError

from core.errors import SecretError
from core.secret import Secret, bearer, live_values, repeats

CANARY = "cAnArY-0123456789"
SECRET = Secret(CANARY)


@dataclasses.dataclass
class Holder:
    secret: Secret
    others: list[Secret]


class Model(BaseModel):
    secret: Secret
    maybe: Secret | None = None


HOLDER = Holder(SECRET, [SECRET])
MODEL = Model(secret=SECRET, maybe=SECRET)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        format,
        pprint.pformat,
        reprlib.repr,
        lambda it: f"{it} {it!s} {it!r} {it!a} {it:>30}",
        lambda it: "%s %r %a %30s" % (it, it, it, it),  # noqa: UP031 - the very thing to be tested
        lambda it: str([it]) + str({it: it}) + str((it,)) + str({"a": {it}}),
        lambda it: str(ValueError(it)) + repr(ValueError(it)),
        lambda it: json.dumps({"it": it}, default=str),
    ],
)
def test_it_is_shown_nowhere(show: Callable[[Any], str]) -> None:
    assert CANARY not in show(SECRET)
    assert "Secret(…)" in show(SECRET) or r"Secret(\u2026)" in show(SECRET)


@pytest.mark.parametrize("value", [HOLDER, MODEL])
def test_what_holds_it_does_not_show_it(value: object) -> None:
    for shown in (str(value), repr(value), f"{value}", pprint.pformat(value)):
        assert CANARY not in shown
        assert "Secret(…)" in shown


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: json.dumps(SECRET),
        lambda: json.dumps({"secret": SECRET}),
        lambda: json.dumps({SECRET: 1}),
        *(lambda protocol=protocol: pickle.dumps(SECRET, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda: pickle.dumps(HOLDER),
        lambda: copy.copy(SECRET),
        lambda: copy.deepcopy(SECRET),
        lambda: copy.deepcopy(HOLDER),
        lambda: dataclasses.asdict(HOLDER),
        lambda: bytes(SECRET),  # type: ignore[call-overload]
        lambda: "Bearer " + SECRET,  # type: ignore[operator]
        lambda: "".join([SECRET]),  # type: ignore[list-item]
        lambda: list(SECRET),  # type: ignore[call-overload]
        lambda: vars(SECRET),
        lambda: sorted([SECRET, SECRET]),  # type: ignore[type-var]
    ],
)
def test_it_goes_nowhere_by_itself_and_the_refusal_is_clean(attempt: Callable[[], object]) -> None:
    with pytest.raises(TypeError) as caught:
        attempt()
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_pydantic_takes_it_in_and_gives_it_never_out() -> None:
    read = Model.model_validate({"secret": CANARY, "maybe": None})
    assert read.secret.reveal() == CANARY
    for dumped in (
        read.model_dump(mode="json"),
        read.model_dump_json(),
        TypeAdapter(Secret).dump_json(SECRET),
        TypeAdapter(dict[str, Secret]).dump_json({"a": SECRET}),
        read.model_dump(mode="python"),
        Model.model_json_schema(mode="serialization"),
    ):
        assert CANARY not in str(dumped)
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"secret": SECRET, "maybe": 5})
    assert CANARY not in str(caught.value)


def test_its_hash_says_nothing_and_equality_is_by_value() -> None:
    same, other = Secret(CANARY), Secret("other")
    assert same == SECRET
    assert other != SECRET
    assert SECRET != CANARY
    assert hash(SECRET) != hash(CANARY)
    assert len({SECRET, same}) == 2
    assert bool(SECRET)
    assert not Secret("")


def test_lone_surrogates_compare_like_any_text() -> None:
    assert Secret("a\ud800") == Secret("a\ud800")
    assert Secret("a\ud800") != Secret("a\ud801")


def test_a_database_driver_refuses_it_without_its_value() -> None:
    echo = io.StringIO()
    handler = logging.StreamHandler(echo)
    logger = logging.getLogger("sqlalchemy.engine")
    logger.addHandler(handler)
    engine = create_engine("sqlite://", echo=True)
    try:
        table = Table("t", MetaData(), Column("a", String()))
        table.create(engine)
        with engine.connect() as connection, pytest.raises(DBAPIError, match="Secret") as caught:
            connection.execute(insert(table).values(a=SECRET))
    finally:
        logger.removeHandler(handler)
        engine.dispose()
    assert CANARY not in str(caught.value) + "".join(traceback.format_exception(caught.value)) + echo.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\r\n",
        f"Bearer {CANARY}",
        f"bearer {CANARY}",
        f"Authorization: Bearer {CANARY}",
        CANARY * 500,
        f"{CANARY}é",
        f"{CANARY}\u200b",
        f"{CANARY}\ud800",
        f"“{CANARY}”",
        f"{CANARY} {CANARY}",
        "ｃanary-token",
    ],
)
def test_what_is_no_token_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        bearer(text)
    assert caught.value.problem.startswith("it ")
    assert "cAnArY" not in "".join(traceback.format_exception(caught.value))


@given(st.text(max_size=60))
def test_a_token_is_one_word_of_ascii(text: str) -> None:
    try:
        token = bearer(text).reveal()
    except SecretError:
        return
    assert token == text.strip()
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


def test_live_values_are_those_in_use_longest_first() -> None:
    kept = [Secret("live-value-short"), Secret("live-value-longer"), Secret("tiny")]
    values = live_values()
    assert values.index("live-value-longer") < values.index("live-value-short")
    assert "tiny" not in values
    assert [*map(len, values)] == sorted(map(len, set(values)), reverse=True)
    del kept
    gc.collect()
    assert "live-value-short" not in live_values()


def test_live_values_are_read_while_other_threads_make_secrets() -> None:
    done = threading.Event()

    def make() -> None:
        kept: list[Secret] = []
        while not done.is_set():
            kept = [*kept[-200:], *(Secret(f"made-in-a-thread-{number}") for number in range(50))]

    makers = [threading.Thread(target=make) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    try:
        for maker in makers:
            maker.start()
        seen = 0
        while seen < 300:
            seen += any(value.startswith("made-in-a-thread") for value in live_values())
    finally:
        done.set()
        sys.setswitchinterval(interval)
        for maker in makers:
            maker.join()


@pytest.mark.parametrize(
    "label",
    [
        CANARY,
        f"prod {CANARY}",
        f"prod\u200b{CANARY[:8]}\u200b{CANARY[8:]}",
        f"{CANARY[:9]} {CANARY[9:]}",
        CANARY[:16],
        f"my {CANARY[1:]}",
    ],
)
def test_a_label_shows_no_part_of_the_secret(label: str) -> None:
    assert repeats(label, SECRET)


@pytest.mark.parametrize("label", ["", "prod", "cAnArY", CANARY[:15], f"{CANARY[:9]}x{CANARY[9:]}", CANARY.lower()])
def test_a_label_may_begin_as_tokens_do(label: str) -> None:
    assert not repeats(label, SECRET)


def test_a_short_secret_is_found_whole() -> None:
    assert repeats("for abc1 only", Secret("abc1"))
    assert not repeats("for abc", Secret("abc1"))
