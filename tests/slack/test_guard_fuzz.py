"""Anything at all at Slack's door: nothing forged comes in, nothing makes it fail, and what is Slack's is taken.

The long run: `pytest -m long -n 0 tests/slack/test_guard_fuzz.py -s`. A seed and a number of requests can be given by
ASKREPO_FUZZ_SEED and ASKREPO_FUZZ_REQUESTS.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from slack_bolt.async_app import AsyncApp

from bots.running import freeze_heap
from bots.slack.dispatch import Dispatch
from bots.slack.guard import Guard
from bots.slack.verify import MOST_OCTETS
from tests.slack import bolt
from tests.slack.signing import (
    CURRENT,
    FORM,
    JSON,
    NOW,
    PREVIOUS,
    SECRETS,
    Request,
    Response,
    answered,
    as_form,
    as_json,
    as_payload,
    command,
    event,
    interaction,
    signed,
)

SHORT = 20_000
LONG = 2_000_000
LONGEST_SECONDS = 0.5  # of processor time, for one request; Slack waits for three
REFUSED = {400, 401, 405, 408, 413}
_TEXTS = (
    "how?",
    "explain the payload format",
    "payload=%7B%7D",
    "&payload=1",
    "ж" * 50,
    "😀",
    "a\x00b",
    '{"a": 1}',
    "",
)
_JUNK: tuple[object, ...] = (None, 0, -1, 2**63, 1.5, True, "", "x", "ж", [], [[]], [None], {}, {"id": None}, {"id": 1})
_SCALARS = (b"\xff", b"\x00", b"\xc3", b"\xed\xa0\x80", b"{", b"}", b"[", b'"', b"\\", b"%", b"&", b"=", b"payload=")
_HEADERS = (b"", b" ", b"0", b"-1", b"+1", b"1e9", b"1_0", b"0x1", "١٢٣".encode(), b"\xff\xfe", b"9" * 5_000, b"nan")
_HUGE = (
    b"a=&" * 698_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000,
    b'"\\' * 1_000_000,
    b'{"a":["' + b'","' * 219_000 + b'"]}',
    b'{"a":["' + b'\\ud83d","' * 219_000 + b'"]}',
    b'{"a":[' + b"[]," * 79_000 + b"1]}",
    b'{"a":[' + b'{"":""},' * 79_000 + b"1]}",
    b'{"a":"' + b"\\ud83d\\n" * 262_000 + b'"}',
    b'{"a":[' + b"12345678901234567890," * 99_000 + b"1]}",
    b"payload=%7B%22a%22%3A%22" + b"%5Cud83d%5Cude00" * 130_000 + b"%22%7D",
    b"text=" + b"%41" * 698_000,
    b"text=" + b"%" * 2_080_000,
    b"\xff" * MOST_OCTETS,
    b"x" * (MOST_OCTETS + 1),
)
_TOO_LONG = str(MOST_OCTETS + 1).encode()
_TIMES = (-86_400, -301, -300, -299, -61, 0, 1, 299, 300, 301, 86_400)
_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "post", "CONNECT", "", "PÖST")


@dataclass(slots=True)
class Attempt:
    """A request, and what an onlooker who made it knows of it."""

    request: Request
    signed: bool  # by a secret that counts, over exactly what is sent, in time
    plain: bool  # as Slack sends it


@dataclass(slots=True)
class Fuzz:
    random: Random
    taken: deque[Request] = field(default_factory=lambda: deque(maxlen=500))  # the memory of the guard is bounded too

    def attempt(self) -> Attempt:
        chance = self.random.random()
        if 0.01 < chance < 0.05 and self.taken:
            return Attempt(self.random.choice(self.taken), signed=False, plain=False)
        body, media, plain = self._body() if chance > 0.002 else (self.random.choice(_HUGE), self._media(), False)
        at = NOW if self.random.random() < 0.8 else NOW + self.random.choice(_TIMES)
        secret = self.random.choice((CURRENT, CURRENT, PREVIOUS, "wrong", CURRENT.upper()))
        request = replace(signed(body, media, at=at, secret=secret), chunks=self.random.choice((1, 1, 2, 7)))
        good = secret in {CURRENT, PREVIOUS} and abs(at - NOW) <= 300
        if chance < 0.40:
            return Attempt(request, signed=good, plain=plain)
        forged = self._forged(request)
        return Attempt(forged, signed=good and _same(request, forged), plain=False)

    def _body(self) -> tuple[bytes, bytes, bool]:
        kind, text = self.random.randrange(8), self.random.choice(_TEXTS) + str(self.random.random())
        if kind < 2:
            body, media = as_form(command(text)), FORM
        elif kind < 4:
            body, media = as_json(event(text=text)), JSON
        elif kind < 5:
            body, media = as_payload(interaction() | {"hash": text}), FORM
        else:
            return self._odd(text)
        if self.random.random() < 0.75:
            return body, media, True
        return self._bent(body), self.random.choice((media, JSON, FORM)), False

    def _media(self) -> bytes:
        return self.random.choice((JSON, FORM))

    def _odd(self, text: str) -> tuple[bytes, bytes, bool]:
        envelopes: tuple[dict[str, object], ...] = (event(text=text), interaction(), {**command(text)})
        envelope = self.random.choice(envelopes)
        for _ in range(self.random.randrange(4)):
            inside: dict[str, object] = envelope
            key = self.random.choice(list(inside))
            value = inside[key]
            if isinstance(value, dict) and value and self.random.random() < 0.5:
                inside, key = value, self.random.choice(list(value))
            inside[key] = deepcopy(self.random.choice(_JUNK))
        deep = self.random.choice((1, 10, 63, 70, 2_000))
        bodies: tuple[tuple[bytes, bytes], ...] = (
            (as_json(envelope), JSON),
            (as_payload(envelope), FORM),
            (as_json({"type": "url_verification", "challenge": text}), JSON),
            (as_form({"ssl_check": "1", "token": text}), FORM),
            (b'{"a":' * deep + as_json(text) + b"}" * deep, JSON),
            (b"[" * deep + b"]" * deep, JSON),
            (b'{"a":' + b"7" * self.random.choice((10, 20, 21, 5_000)) + b"}", JSON),
            (as_json(self.random.choice(_JUNK)), JSON),
            (b"&".join(b"a%d=" % number for number in range(self.random.choice((1, 199, 202, 1_000)))), FORM),
            (text.encode(), self._media()),
            (b"", self._media()),
            (self.random.randbytes(self.random.randrange(200)), self._media()),
        )
        body, media = self.random.choice(bodies)
        return body, media, False

    def _bent(self, body: bytes) -> bytes:
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(body) + 1)
            match self.random.randrange(4):
                case 0:
                    body = body[:at]
                case 1:
                    body = body[:at] + self.random.choice(_SCALARS) + body[at:]
                case 2:
                    body = body[:at] + body[at + self.random.randrange(1, 9) :]
                case _:
                    body = body[:at] + self.random.randbytes(1) + body[at + 1 :]
        return body

    def _forged(self, request: Request) -> Request:
        kinds: tuple[Callable[[Request], Request], ...] = (
            self._other_body,
            self._other_header,
            self._twice,
            lambda given: given.without(self.random.choice(given.headers)[0]),
            lambda given: replace(given, method=self.random.choice(_METHODS)),
            lambda given: given.having((b"content-length", self.random.choice((*_HEADERS, _TOO_LONG, b"9" * 18)))),
            lambda given: given.having((b"x-slack-bolt-lazy-only", b"1"), (b"x-slack-retry-num", b"\xff")),
            lambda given: replace(given, headers=()),
        )
        for _ in range(self.random.choice((1, 1, 2, 3))):
            if request.headers:
                request = self.random.choice(kinds)(request)
        return request

    def _other_body(self, request: Request) -> Request:
        return replace(request, body=self._bent(request.body))

    def _other_header(self, request: Request) -> Request:
        at = self.random.randrange(len(request.headers))
        name, value = request.headers[at]
        flipped = bytearray(value or b"x")
        flipped[self.random.randrange(len(flipped))] ^= 1 << self.random.randrange(8)
        other = self.random.choice((*_HEADERS, bytes(flipped), bytes(flipped), value.upper(), value + b" ", value * 2))
        return replace(request, headers=(*request.headers[:at], (name, other), *request.headers[at + 1 :]))

    def _twice(self, request: Request) -> Request:
        name, value = self.random.choice(request.headers)
        name = self.random.choice((name, name.upper(), name.title()))
        return request.having((name, self.random.choice((value, b"", value.upper()))))


def _same(request: Request, other: Request) -> bool:
    """Whether what was signed is what is sent, and said once."""

    def slack(given: Request) -> list[tuple[bytes, bytes]]:
        return sorted(header for header in ((name.lower(), value) for name, value in given.headers) if _proof(header))

    return other.method == "POST" and request.body == other.body and slack(request) == slack(other)


def _proof(header: tuple[bytes, bytes]) -> bool:
    return header[0] in {b"x-slack-request-timestamp", b"x-slack-signature"}


async def _fuzzed(requests: int) -> float:
    """The processor time of the slowest request, in seconds."""
    seed = int(os.environ.get("ASKREPO_FUZZ_SEED", "0")) or time.time_ns() % 10**9
    requests = int(os.environ.get("ASKREPO_FUZZ_REQUESTS", "0")) or requests
    print(f"\nseed {seed}, {requests:,} requests")
    app: AsyncApp = bolt.app()
    guard = Guard(Dispatch(app), SECRETS, clock=lambda: NOW)
    fuzz = Fuzz(Random(seed))
    statuses: Counter[tuple[bool, int]] = Counter()
    slowest = slowest_unsigned = 0.0
    slow = b""
    freeze_heap()
    for number in range(requests):
        attempt = fuzz.attempt()
        began = time.thread_time()
        response = await answered(guard, attempt.request)
        took = time.thread_time() - began
        if took > slowest:
            slowest, slow = took, attempt.request.body
        if not attempt.signed:
            slowest_unsigned = max(slowest_unsigned, took)
        statuses[attempt.signed, response.status] += 1
        await asyncio.sleep(0)  # a server's loop comes round and clears up; else this one's timers would only grow
        complaint = _complaint(attempt, response)
        assert not complaint, f"seed {seed}, request {number}: {complaint}: {attempt} {response}"
        if attempt.signed and response.status == 200:
            fuzz.taken.append(attempt.request)
    for (was_signed, status), count in sorted(statuses.items()):
        print(f"{'signed' if was_signed else 'not signed':10} {status} {count:9,}")
    print(
        f"slowest {slowest * 1e3:.1f} ms ({len(slow):,} octets, {slow[:40]!r}), "
        f"slowest not signed {slowest_unsigned * 1e3:.1f} ms (processor time)"
    )
    assert statuses[True, 200] > requests / 100
    return slowest


def _complaint(attempt: Attempt, response: Response) -> str:
    if response.status >= 500:
        return "it failed"
    if not attempt.signed and (response.status not in REFUSED or response.body):
        return "let in"
    if attempt.signed and attempt.plain and response.status != 200:
        return "shut out"
    return ""


async def test_nothing_forged_comes_in_and_nothing_fails() -> None:
    await _fuzzed(SHORT)


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_nothing_forged_comes_in_and_nothing_fails_or_hangs_at_length() -> None:
    assert await _fuzzed(LONG) < LONGEST_SECONDS
