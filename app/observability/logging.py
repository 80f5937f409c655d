"""Logging: JSON lines, or colours on the console in development."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.config.settings import Settings
from app.observability.redaction import RedactedExceptions, redact_fields, redact_line
from app.observability.request_context import actor_id, request_id, task_id
from app.observability.tracing import Tracing

LOGGED = (request_id, actor_id, task_id)

to_json = json.JSONEncoder(default=repr).encode
CONSOLE = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def add_request_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for variable in LOGGED:
        if value := variable.get():
            event.setdefault(variable.name, value)
    event.update(Tracing.spans.log_fields())
    return event


def add_timestamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = f"{datetime.now(UTC).isoformat()[:-6]}Z"
    return event


def render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return redact_line(to_json(event))


def render_readable(logger: WrappedLogger, name: str, event: EventDict) -> str:
    return redact_line(CONSOLE(logger, name, event))


SHARED: list[Processor] = [
    add_request_context,
    structlog.stdlib.add_log_level,
    add_timestamp,
    redact_fields,
]
JSON: list[Processor] = [
    structlog.processors.ExceptionRenderer(RedactedExceptions()),
    render_json,
]
READABLE: list[Processor] = [render_readable]
# They log every request with its whole URL, and every pool, at a level that is enabled here.
NOISY_LOGGERS = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "watchfiles"),
    "app.db.instrumentation",
)


def configure_logging(settings: Settings, output: TextIO | None = None) -> None:
    """Send structlog and the standard library's loggers to `output`, in one format.

    Without an argument it is standard output.
    """
    output = output or sys.stdout
    renderers = READABLE if settings.environment == "development" else JSON
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*SHARED, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    configure_standard_logging(level, renderers, output)


def configure_standard_logging(level: int, renderers: list[Processor], output: TextIO) -> None:
    remove_private_fields = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED, processors=[remove_private_fields, *renderers]
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # RequestContextMiddleware writes the access log, with the request id in it.
    logging.getLogger("uvicorn.access").disabled = True


def get_logger(name: str) -> Any:
    """Return a structlog logger whose lines carry `log` = `name`."""
    return structlog.get_logger(log=name)
