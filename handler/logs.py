"""JSON log lines on standard error, for our own events and for the libraries' loggers."""

import io
import logging
import os
import re
import sys
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

# Characters of one text of a line, of a traceback, and items of a list; what is longer is cut.
MAX_TEXT = 1000
MAX_TRACEBACK = 16_000
MAX_ITEMS = 20

# Tokens travel in query strings, and libraries log whole paths.
_QUERY_TOKEN = re.compile(r"(token=)[^&\s\"']+")
_JWT = re.compile(r"\beyJ[\w-]{8,}(\.[\w-]*){0,2}")


# Lines since the process began, by level: those that may ask for something to be done.
lines = {"warning": 0, "error": 0, "critical": 0}


def _count(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Count a line."""
    if (level := event["level"]) in lines:
        lines[level] += 1
    return event


def _cut(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut a log line to what somebody reads, and tokens out of it, whatever a peer has sent."""
    traceback = event.pop("exception", None)
    for key, value in event.items():
        event[key] = _cut_value(value)
    if isinstance(traceback, str):  # its end says what was wrong
        event["exception"] = _without_tokens(traceback)[-MAX_TRACEBACK:]
    return event


def _cut_value(value: object) -> object:
    match value:
        case str():
            return _begin(_without_tokens(value))
        case dict():
            return {key: _cut_value(part) for key, part in value.items()}
        case list() | tuple():
            parts = [_cut_value(part) for part in value[:MAX_ITEMS]]
            return (
                parts if len(value) <= MAX_ITEMS else [*parts, f"… ({len(value) - MAX_ITEMS} more)"]
            )
        case _:
            return value


def _begin(text: str) -> str:
    left_out = len(text) - MAX_TEXT
    return text if left_out <= 0 else f"{text[:MAX_TEXT]} … ({left_out} more)"


def _without_tokens(text: str) -> str:
    return _JWT.sub("***", _QUERY_TOKEN.sub(r"\1***", text))


# Lines of uvicorn that take what a peer did, and was answered, for a defect of ours.
_NOISE = ("without completing handshake", "Invalid UTF-8 sequence")


def _says_something(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn is worth reading."""
    return not any(noise in record.getMessage() for noise in _NOISE)


def apart() -> None:
    """Send our events to standard error as they are: what a command prints is its own."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


class _WhileRead(io.FileIO):
    """A file that drops what cannot be written, as where whoever read it is gone."""

    def write(self, text: Any, /) -> int:  # noqa: ANN401  whatever has bytes
        """Write all of it, or drop the rest."""
        rest = memoryview(text)
        with suppress(OSError):
            while written := super().write(rest):  # a signal may come in the middle
                rest = rest[written:]
        return len(text)


def outlive_reader() -> None:
    """
    Let nothing fail from now on because standard error cannot be written to.

    Each line would otherwise raise where it is written: in a request, a call, the drain.
    """
    # What was closed before we began may be another file's number by now.
    descriptor = os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()
    # Without a buffer of its own, whose rest would fail to be written at the very end.
    file: Any = _WhileRead(descriptor, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", line_buffering=True)


def configure(level: str) -> None:
    """Send our events and the standard library's loggers to standard error, a JSON line each."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _count,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    closing: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        _cut,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *closing],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *closing],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        # Its INFO lines repeat ours, or name each websocket's path.
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_says_something)
    # At DEBUG the first two print headers (the API key) and whole messages (transcripts); at INFO
    # already the others print addresses of keys, which may hold a secret.
    for name in ("websockets", "nats", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
