"""Finds secrets in what processes left behind, in every form in which they may have been written (SE-01)."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import quote

_HALVED_FROM = 20  # characters; half of a shorter one may be an ordinary word
_LARGEST = 64 << 20  # octets that are unpacked of one stream
_DEEPEST = 3  # of what is packed within what is packed
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_ENCODED = re.compile(rb"(?:H4sI|eJ[w-z]|eNo|eAE|eF4)[A-Za-z0-9+/_-]{12,}")  # base64 of what begins like that


def forms(canary: str) -> Iterator[tuple[str, bytes]]:
    """The canary as it may be written, and what that form is called."""
    octets = canary.encode()
    yield "plain text", octets
    if len(canary) >= _HALVED_FROM:
        yield "its first half", octets[: len(octets) // 2]
        yield "its last half", octets[-(len(octets) // 2) :]
    yield "reversed", octets[::-1]
    quoted = quote(canary, safe="")
    yield from (("URL", each.encode()) for each in (quoted, _small(quoted), quote(quoted, safe="")))
    written = json.dumps(canary)[1:-1]
    units = ["".join(f"\\u{ord(each):{digits}}" for each in canary) for digits in ("04x", "04X")]
    yield from (("JSON", each.encode()) for each in (written, written.replace("/", "\\/"), *units))
    references = "".join(f"&#{ord(each)};" for each in canary)
    yield from (("HTML", each.encode()) for each in (escape(canary), escape(canary).replace("/", "&#x2F;"), references))
    yield from (("UTF-16", canary.encode(each)) for each in ("utf-16-le", "utf-16-be"))
    yield from (("hexadecimal", each.encode()) for each in (octets.hex(), octets.hex().upper()))
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + octets)
        inner = encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]
        yield from (("base64", each) for each in (inner, inner.translate(bytes.maketrans(b"+/", b"-_"))))


def found(left: bytes, canaries: Iterable[str] | Mapping[str, str]) -> list[str]:
    """Which canaries stand in these octets, each as what; with a mapping they are called by its names."""
    named = canaries if isinstance(canaries, Mapping) else {f"{each[:12]}…": each for each in canaries}
    looked_for = {(form, name): octets for name, each in named.items() for form, octets in _unlike(each)}
    hits = []
    for way, text in _unpacked(left):
        hits += [f"{name} as {form[0]}{way}" for (form, name), octets in looked_for.items() if octets in text]
    return hits


def _unlike(canary: str) -> Iterator[tuple[tuple[str, int], bytes]]:
    """Its forms, each once."""
    seen: set[bytes] = set()
    for number, (form, octets) in enumerate(forms(canary)):
        if octets not in seen:
            seen.add(octets)
            yield (form, number), octets


def _small(quoted: str) -> str:
    """With lower-case digits, as some write them."""
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _unpacked(left: bytes, way: str = "", deep: int = 0) -> Iterator[tuple[str, bytes]]:
    """The octets, and what is packed in them."""
    yield way, left
    if deep == _DEEPEST:
        return
    for at in _PACKED.finditer(left):
        with_head = zlib.decompressobj(wbits=47)
        try:
            inner = with_head.decompress(memoryview(left)[at.start() :], _LARGEST)
        except zlib.error:
            continue
        yield from _unpacked(inner, f"{way} in {'gzip' if at[0][0] == 0x1F else 'zlib'}", deep + 1)
    for run in _ENCODED.finditer(left):
        text = run[0].translate(bytes.maketrans(b"-_", b"+/"))
        yield from _unpacked(base64.b64decode(text[: len(text) // 4 * 4]), f"{way} in base64", deep + 1)
