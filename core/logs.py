"""One event, one line; no token in any of them.

Third-party loggers are capped at WARNING: at DEBUG several of them write tokens, URLs and whole bodies (httpx writes
every URL at INFO). Redaction is by value as well, for what slips through an exception's text.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from core.secret import live_values

_OURS = ("core", "bots")
_MASK = "[redacted]"
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",;]+")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]+@")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_FIELD_LIMIT = 4_000  # characters of one field


def redact(text: str) -> str:
    """The text without secrets, credentials in URLs, or control characters; bounded in length."""
    for value in live_values():
        if value in text:
            text = text.replace(value, _MASK)
        if "\\" in value or "'" in value:  # then it looks otherwise where Python quotes it, as a KeyError does
            escaped = value.replace("\\", "\\\\")
            text = text.replace(escaped, _MASK).replace(escaped.replace("'", "\\'"), _MASK)
    text = _BEARER.sub(rf"\1 {_MASK}", text)
    text = _USERINFO.sub(rf"\1{_MASK}@", text)
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(text) <= _FIELD_LIMIT else text[:_FIELD_LIMIT] + "…"


def _redacted(value: object) -> object:
    """Each text by itself: as the text of a list or dictionary, quotes and backslashes in it would be escaped."""
    if isinstance(value, dict):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value


def _redact_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, bool | int | float) or value is None:
            continue
        event[name] = redact(str(_redacted(value)))
    return event


class _BelowWarning(logging.Filter):
    """Lets our own loggers through, and of the others only warnings and errors."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.name.split(".", 1)[0] in _OURS


def configure(level: str, form: Literal["console", "json"] | None, stream: TextIO | None = None) -> None:
    """Set up logging for the process, to standard error unless told otherwise. Called once, by the command."""
    stream = stream if stream is not None else sys.stderr
    console = form == "console" or (form is None and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        )
        if not console
        else structlog.processors.format_exc_info,
        _redact_event,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty()) if console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(_BelowWarning())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.raiseExceptions = False  # a line that cannot be written is lost, not shown unredacted with a trace instead
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = logs.get(__name__)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
