"""Who signed it, when, and whether it came before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from bots.slack.replays import KEPT_SECONDS, Memory
from bots.slack.verify import (
    MOST_OCTETS,
    Claim,
    Form,
    Reason,
    Refused,
    claim,
    form,
    proven,
    sign,
    signing_secrets,
    skew,
)
from core.errors import SettingsError
from core.secret import Secret
from tests.slack.signing import CURRENT, FORM, JSON, NOW, PREVIOUS, SECRETS, Headers, as_form, command, signed

BODY = as_form(command("how?"))
GOOD = signed(BODY, FORM)
TIME, SIGNATURE = b"x-slack-request-timestamp", b"x-slack-signature"


def reason(method: str, headers: Headers) -> Reason | None:
    try:
        claim(method, headers)
    except Refused as refused:
        return refused.reason
    return None


def with_header(name: bytes, value: bytes) -> Headers:
    return GOOD.without(name).having((name, value)).headers


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 10**11), st.sampled_from([CURRENT, PREVIOUS]))
def test_a_signature_is_the_one_that_slacks_sdk_makes(body: str, at: int, secret: str) -> None:
    theirs = SignatureVerifier(secret).generate_signature(timestamp=str(at), body=body)
    assert theirs is not None
    assert sign(Secret(secret), str(at).encode(), body.encode()) == theirs.encode()


def test_what_slack_signs_is_proven() -> None:
    assert proven(claim("POST", GOOD.headers), GOOD.body, SECRETS) == 0


def test_while_the_secret_is_renewed_the_previous_one_counts_too() -> None:
    old = signed(BODY, FORM, secret=PREVIOUS)
    assert proven(claim("POST", old.headers), BODY, SECRETS) == 1
    with pytest.raises(Refused) as caught:
        proven(claim("POST", old.headers), BODY, SECRETS[:1])
    assert caught.value.reason is Reason.SIGNATURE


@pytest.mark.parametrize("part", ["timestamp", "signature", "body"])
def test_no_single_bit_can_be_changed(part: str) -> None:
    sound = claim("POST", GOOD.headers)
    original = {"timestamp": sound.timestamp, "signature": sound.signature, "body": BODY}
    for bit in range(8 * len(original[part])):
        parts = dict(original)
        changed = bytearray(parts[part])
        changed[bit // 8] ^= 1 << bit % 8
        parts[part] = bytes(changed)
        with pytest.raises(Refused):
            proven(Claim(parts["timestamp"], parts["signature"]), parts["body"], SECRETS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "post", ""])
def test_only_post_is_taken(method: str) -> None:
    assert reason(method, GOOD.headers) is Reason.METHOD


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"-1700000000",
        b"+1700000000",
        b" 1700000000",
        b"1700000000 ",
        b"1_700_000_000",
        b"1700000000.0",
        b"1.7e9",
        b"0x6553f100",
        b"nan",
        "١٧٠٠٠٠٠٠٠٠".encode(),
        b"\xff\xfe",
        b"1" * 13,
        b"1" * 65_536,
        b"1700000000\n",
        b"1700000000, 1700000000",
    ],
)
def test_an_odd_timestamp_is_refused(value: bytes) -> None:
    assert reason("POST", with_header(TIME, value)) is Reason.HEADERS


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"v0=",
        b"v1=" + b"0" * 64,
        b"0" * 64,
        b"v0=" + b"0" * 63,
        b"v0=" + b"0" * 65,
        b"v0=" + b"A" * 64,
        b"v0=" + b"g" * 64,
        b"v0=" + b"\xff" * 64,
        b"v0=" + "é".encode() * 32,
        b"v0=" + b"0" * 65_536,
        b"v0=" + b"0" * 64 + b"\n",
    ],
)
def test_an_odd_signature_is_refused(value: bytes) -> None:
    assert reason("POST", with_header(SIGNATURE, value)) is Reason.HEADERS


@pytest.mark.parametrize("name", [TIME, SIGNATURE])
def test_each_header_of_slacks_comes_exactly_once(name: bytes) -> None:
    value = dict(GOOD.headers)[name]
    assert reason("POST", GOOD.without(name).headers) is Reason.HEADERS
    for again in (name, name.upper(), name.title()):
        assert reason("POST", GOOD.having((again, value)).headers) is Reason.HEADERS
        assert reason("POST", ((again, b""), *GOOD.headers)) is Reason.HEADERS
    assert reason("POST", GOOD.having((b"x-slack-retry-num", b"1")).headers) is None
    twice = GOOD.having((b"x-slack-retry-num", b"1"), (b"x-slack-retry-num", b"2"))
    assert reason("POST", twice.headers) is Reason.HEADERS


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([b"0"], None),
        ([str(MOST_OCTETS).encode()], None),
        ([str(MOST_OCTETS + 1).encode()], Reason.TOO_LARGE),
        ([b"9" * 18], Reason.TOO_LARGE),
        ([b"9" * 5_000], Reason.LENGTH),
        ([b"-1"], Reason.LENGTH),
        ([b""], Reason.LENGTH),
        (["١".encode()], Reason.LENGTH),
        ([b"1", b"1"], Reason.LENGTH),
    ],
)
def test_a_length_is_judged_before_the_body(lengths: list[bytes], expected: Reason | None) -> None:
    assert reason("POST", GOOD.having(*((b"content-length", length) for length in lengths)).headers) is expected


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (JSON, Form.JSON),
        (FORM, Form.FIELDS),
        (b"Application/JSON; charset=utf-8", Form.JSON),
        (b"application/x-www-form-urlencoded ;charset=UTF-8", Form.FIELDS),
    ],
)
def test_two_forms_are_known(media: bytes, expected: Form) -> None:
    assert form(with_header(b"content-type", media)) is expected


@pytest.mark.parametrize(
    "media",
    [b"", b"text/plain", b"application/jsonp", b"multipart/form-data; boundary=x", b"application/json, text/plain"],
)
def test_another_form_is_refused(media: bytes) -> None:
    for headers in (with_header(b"content-type", media), GOOD.without(b"content-type").headers, GOOD.headers * 2):
        with pytest.raises(Refused) as caught:
            form(headers)
        assert caught.value.reason is Reason.CONTENT_TYPE


def test_the_skew_is_what_our_clock_is_ahead() -> None:
    sound = claim("POST", GOOD.headers)
    assert skew(sound, NOW + 10) == 10
    assert skew(sound, NOW - 300.5) == -300.5


def test_one_or_two_secrets_are_set() -> None:
    assert signing_secrets(Secret(f" {CURRENT}\n")) == (Secret(CURRENT),)
    assert signing_secrets(Secret(f"{CURRENT}, {PREVIOUS}")) == SECRETS


@pytest.mark.parametrize("setting", ["", " ", ",", "a,", ",a", "a,b,c", "a b", "gehéim", "a\x00b"])
def test_a_setting_that_is_no_secret_is_refused_without_its_value(setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        signing_secrets(Secret(setting))
    assert caught.value.name == "SLACK_SIGNING_SECRET"
    assert not setting.strip(" ,") or setting not in str(caught.value)


def test_a_signature_is_taken_once_until_it_is_released() -> None:
    memory = Memory()
    assert memory.take(b"a", NOW)
    assert not memory.take(b"a", NOW)
    memory.release(b"a")
    assert memory.take(b"a", NOW)
    memory.release(b"never taken")


def test_a_signature_is_remembered_longer_than_it_would_be_in_time() -> None:
    memory = Memory()
    assert KEPT_SECONDS >= 660
    memory.take(b"a", NOW)
    memory.take(b"b", NOW + 90)
    assert not memory.take(b"a", NOW + 660)
    assert memory.take(b"c", NOW + KEPT_SECONDS + 60.5)
    assert len(memory) == 2
    assert memory.take(b"a", NOW + KEPT_SECONDS + 60.5)
    assert not memory.take(b"b", NOW + KEPT_SECONDS + 60.5)


def test_of_many_signatures_none_is_forgotten_before_its_time_or_kept_much_longer() -> None:
    memory = Memory()
    for second in range(2_000):
        now = NOW + second
        assert memory.take(b"%d" % second, now)
        if second >= KEPT_SECONDS:
            assert not memory.take(b"%d" % (second - KEPT_SECONDS), now)
        assert len(memory) <= KEPT_SECONDS + 62


def test_the_memory_is_bounded_and_forgets_the_oldest_first() -> None:
    memory = Memory(most=3)
    for signature in (b"a", b"b", b"c", b"d"):
        assert memory.take(signature, NOW)
    assert len(memory) == 3
    assert not memory.take(b"b", NOW)
    assert memory.take(b"a", NOW)


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    memory = Memory()
    memory.take(b"a", NOW)
    assert memory.take(b"b", NOW - 3_600)
    assert not memory.take(b"a", NOW - 3_600)
