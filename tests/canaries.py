"""Finds a secret in what a process left behind, in every form in which it may have been written."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import quote


def forms(canary: str) -> Iterator[bytes]:
    """The canary as it may be written: as it is, quoted, escaped, in base64 at any offset, in hexadecimal."""
    yield from (canary.encode(), quote(canary, safe="").encode(), json.dumps(canary)[1:-1].encode())
    yield from (canary.encode("utf-16-le"), canary.encode().hex().encode(), canary[::-1].encode())
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + canary.encode())
        yield encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]


def found(left: bytes, canaries: Iterable[str]) -> list[bytes]:
    """The forms that stand in these octets, or in what is packed in them."""
    texts = [left]
    for at in _packed(left):
        try:
            texts.append(zlib.decompressobj(wbits=47).decompress(left[at:]))
        except zlib.error:
            continue
    return [form for canary in canaries for form in forms(canary) for text in texts if form in text]


def _packed(left: bytes) -> Iterator[int]:
    at = left.find(b"\x1f\x8b")
    while at >= 0:
        yield at
        at = left.find(b"\x1f\x8b", at + 1)
