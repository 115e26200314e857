"""An answer put together from what came over the wire. No I/O: octets go in, text comes out, then the verdict."""

from __future__ import annotations

from core.chat.contract import Delta, clean, parse
from core.chat.events import EventReader
from core.chat.progress import Finished
from core.chat.refusals import in_answer
from core.errors import BrokenOff, ChatError, ChatTimeout, ServiceUnavailable, UnusableAnswer

ANSWER_LIMIT = 1 << 19  # octets of an answer's text, as UTF-8

_DONE = "[DONE]"
_NO_CONTENT = "finished without content"
_TOO_LONG = f"an answer longer than {ANSWER_LIMIT} octets"


class StreamedAnswer:
    """One answer as it streams in.

    Feed it until it is `over`; then `result()` gives the whole answer or raises why there is none. It is whole only
    if the service named a `finish_reason`; what the connection does after that no longer matters.
    """

    def __init__(self) -> None:
        self.over = False
        self.finishing = False
        self._events = EventReader()
        self._text = bytearray()  # UTF-8: compact where an answer comes as a million tiny pieces
        self._half = ""
        self._model: str | None = None
        self._reason: str | None = None
        self._failure: ChatError | None = None

    def feed(self, octets: bytes) -> str:
        """The new text in these octets, which may be none."""
        fresh = ""
        try:
            for data in self._events.feed(octets):
                fresh += self._take(data)
                if self.over:
                    break
        except UnusableAnswer as error:
            self._fail(error)
        return fresh

    def close(self) -> str:
        """The connection ended; the new text of an event that nothing terminated, if it had come whole."""
        fresh = ""
        try:
            data = self._events.close()
            if data.strip() == _DONE or parse(data) is not None:
                fresh = self._take(data)
        except UnusableAnswer as error:
            self._fail(error)
        self.over = True
        return fresh

    def fail(self, error: ChatError) -> str:
        """The connection failed or a deadline passed. Returns new text like `close`."""
        fresh = self.close()
        if not self.finishing:
            self._fail(error)
        return fresh

    def result(self) -> Finished:
        """The whole answer. Raises a ChatError, with the text so far as its `partial`, if there is none."""
        text = self._text.decode()
        failure = self._failure
        if failure is None and not self.finishing:
            failure = ServiceUnavailable("the answer ended before its end")
        if failure is None and not text.strip():
            failure = UnusableAnswer(_NO_CONTENT)
        if failure is None:
            return Finished(text, self._model, self._reason)
        if text and not isinstance(failure, ChatTimeout | UnusableAnswer):
            raise BrokenOff(failure.detail, partial=text)
        failure.partial = text
        raise failure

    def _fail(self, error: ChatError) -> str:
        self.over = True
        self._failure = self._failure or error
        return ""

    def _take(self, data: str) -> str:
        if not (bare := data.strip()):
            return ""
        if bare == _DONE:
            self.over = True
            return ""
        chunk = parse(data)
        if chunk is None:
            # What it held is lost, so whatever follows would be an answer with a hole.
            damaged = "an event that is no JSON object"
            return self._fail(BrokenOff(damaged) if self._text else UnusableAnswer(damaged))
        if chunk.error:
            return self._fail(in_answer(chunk.error))
        self._model = chunk.model or self._model
        self._reason = chunk.choice.finish_reason or self._reason
        self.finishing = bool(self._reason)
        return self._add(_text(chunk.choice.delta))

    def _add(self, text: str) -> str:
        text, self._half = _clean(self._half + text)
        octets = text.encode()
        if len(self._text) + len(octets) > ANSWER_LIMIT:
            return self._fail(UnusableAnswer(_TOO_LONG))
        self._text += octets
        return text


def whole_answer(octets: bytes) -> Finished:
    """An answer that came as one JSON body. Raises a ChatError if it is none."""
    completion = parse(octets.decode("utf-8-sig", "replace"))
    if completion is None:
        raise UnusableAnswer("no JSON object")
    if completion.error:
        raise in_answer(completion.error)
    text, _ = _clean(_text(completion.choice.message))
    if len(text.encode()) > ANSWER_LIMIT:
        raise UnusableAnswer(_TOO_LONG)
    if not text.strip():
        raise UnusableAnswer(_NO_CONTENT)
    return Finished(text, completion.model, completion.choice.finish_reason)


def _text(said: Delta | None) -> str:
    return (said.content or said.refusal or "") if said else ""


def _clean(text: str) -> tuple[str, str]:
    """The text cleaned, and the half of a surrogate pair it ended in.

    A service that cuts its text by UTF-16 units sends the two halves of an emoji in two chunks.
    """
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    return clean(text[: len(text) - len(half)]), half
