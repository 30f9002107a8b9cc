"""JSON log lines on standard error, for our own events and for the libraries' loggers."""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

# Tokens travel in query strings, and libraries log whole paths.
_QUERY_TOKEN = re.compile(r"(token=)[^&\s\"']+")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")


def _cut_tokens(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut tokens out of every text of a log line."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _JWT.sub("***", _QUERY_TOKEN.sub(r"\1***", value))
    return event


# Lines of uvicorn that take what a peer did, and was answered, for a defect of ours.
_NOISE = ("without completing handshake", "Invalid UTF-8 sequence")


def _says_something(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn is worth reading."""
    return not any(noise in record.getMessage() for noise in _NOISE)


def configure(level: str) -> None:
    """Send our events and the standard library's loggers to standard error, a JSON line each."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    closing: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        _cut_tokens,
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
    # At DEBUG these two print headers (the API key) and whole messages (transcripts).
    for name in ("websockets", "nats"):
        logging.getLogger(name).setLevel(logging.WARNING)
