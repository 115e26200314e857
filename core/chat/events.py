"""A bounded reader of server-sent events. It does no I/O: octets go in, the data of events comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.errors import UnusableAnswer

LINE_LIMIT = 1 << 18  # octets of one line, and of the data lines of one event together

_LINE_END = re.compile(rb"\r\n?|\n")
_BOM = b"\xef\xbb\xbf"


class EventReader:
    """Reads one stream, cut anywhere. Of an event only its data counts; names, ids and retry times mean nothing here.

    Holds at most two LINE_LIMITs of octets. Raises UnusableAnswer once a line or an event is longer.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data = bytearray()
        self._after_cr = False
        self._first_line = True

    def feed(self, octets: bytes) -> Iterator[str]:
        """The data of every event these octets complete. Iterate to the end before feeding more."""
        if not octets:
            return
        if self._after_cr:
            octets = octets.removeprefix(b"\n")
        start = 0
        for end in _LINE_END.finditer(octets):
            line = octets[start : end.start()]
            start = end.end()
            if self._line or len(line) > LINE_LIMIT:
                self._hold(line)
                line = bytes(self._line)
                self._line.clear()
            if data := self._ended(line):
                yield data
        # A line may end in CR LF and the two may be cut apart: the CR ends it, a LF that follows belongs to it.
        self._after_cr = octets.endswith(b"\r")
        self._hold(octets[start:])

    def close(self) -> str:
        """The data of the event the stream ended in, which nothing terminated: it may be cut. Empty if none."""
        if self._line:
            self._ended(bytes(self._line))
            self._line.clear()
        return self._dispatch()

    def _hold(self, part: bytes) -> None:
        if len(self._line) + len(part) > LINE_LIMIT:
            raise UnusableAnswer(f"a line longer than {LINE_LIMIT} octets")
        self._line += part

    def _ended(self, line: bytes) -> str:
        """What a line brings to its end: the data of an event, if it is the blank one after it."""
        if self._first_line:
            line = line.removeprefix(_BOM)
            self._first_line = False
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._add(value.removeprefix(b" "))
        return ""

    def _add(self, value: bytes) -> None:
        if len(self._data) + len(value) >= LINE_LIMIT:
            raise UnusableAnswer(f"an event longer than {LINE_LIMIT} octets")
        self._data += value
        self._data += b"\n"

    def _dispatch(self) -> str:
        # Lines are split as octets and decoded only here, whole: no octet of a multi-byte character is CR or LF, so
        # a character cut between two reads is never decoded in halves.
        data = self._data[:-1].decode("utf-8", "replace")
        self._data.clear()
        return data
