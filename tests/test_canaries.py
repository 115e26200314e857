"""The search for canaries finds what it is for, and says as what (SE-01)."""

from __future__ import annotations

import base64
import gzip
import html
import itertools
import json
import random
import zlib
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from tests.canaries import forms, found

CANARY = "canary-of-this-test/+7d1f9a3c5e"
Write = Callable[[str], bytes]
WRITTEN: dict[str, tuple[Write, ...]] = {
    "plain text": (str.encode, lambda text: f"Authorization: Bearer {text}\r\n".encode()),
    "URL": (
        lambda text: quote(text, safe="").encode(),
        lambda text: urlencode({"token": text, "a": "b"}).encode(),
        lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%2B", "%2b").encode(),
        lambda text: f"/go?to={quote('/x?token=' + quote(text, safe=''), safe='')}".encode(),
    ),
    "JSON": (
        lambda text: json.dumps({"text": text}).replace("/", "\\/").encode(),
        lambda text: "".join(f"\\u{ord(each):04x}" for each in text).encode(),
    ),
    "HTML": (
        lambda text: html.escape(text).replace("/", "&#x2F;").encode(),
        lambda text: "".join(f"&#{ord(each)};" for each in text).encode(),
    ),
    "UTF-16": (lambda text: text.encode("utf-16"), lambda text: text.encode("utf-16-be")),
    "hexadecimal": (lambda text: text.encode().hex().encode(), lambda text: text.encode().hex().upper().encode()),
    "reversed": (lambda text: text[::-1].encode(),),
    "base64": (
        *(lambda text, before=before: base64.b64encode(b"x" * before + text.encode()) for before in range(6)),
        *(lambda text, before=before: base64.urlsafe_b64encode(b"x" * before + text.encode()) for before in range(6)),
        lambda text: base64.b64encode(f"client-id:{text}".encode()),
    ),
    "its first half": (lambda text: f"{text[:16]}…".encode(),),
    "its last half": (lambda text: f"…{text[-16:]}".encode(),),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda octets: octets,
    " in gzip": gzip.compress,
    " in zlib": zlib.compress,
    " in base64 in gzip": lambda octets: base64.b64encode(gzip.compress(octets)),
    " in gzip in gzip": lambda octets: gzip.compress(b"again: " + gzip.compress(octets)),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_every_form_is_found_and_named(form: str) -> None:
    noise = random.Random(form).randbytes(1_000)
    for write, way in itertools.product(WRITTEN[form], PACKED):
        left = noise + PACKED[way](noise + write(CANARY) + noise) + noise
        hits = found(left, {"mine": CANARY, "another's": "canary-absent"})
        assert f"mine as {form}{way}" in hits
        assert not [hit for hit in hits if "another's" in hit]


def test_every_form_is_among_those_that_are_tried() -> None:
    assert {form for form, _ in forms(CANARY)} == WRITTEN.keys()


def test_nothing_is_found_where_nothing_is() -> None:
    for seed in range(20):
        assert found(random.Random(seed).randbytes(50_000), [CANARY]) == []
    assert found(b"a canary of another test, and the token of this-test", [CANARY]) == []


def test_a_packed_stream_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    assert found(gzip.compress(CANARY.encode() + random.Random(1).randbytes(10_000))[:5_000], [CANARY])


def test_a_canary_without_a_name_is_called_by_its_beginning() -> None:
    assert found(CANARY.encode(), [CANARY])[0] == "canary-of-th… as plain text"
