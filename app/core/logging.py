"""Logs: JSON lines for machines, colours for people in development."""

import logging
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from app.core.config import Settings

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Without local variables: passwords and tokens are among them, and so is half of FastAPI.
JSON: list[Processor] = [
    structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
    structlog.processors.JSONRenderer(),
]
READABLE: list[Processor] = [
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
]


def configure_logging(settings: Settings) -> None:
    """Send structlog and the standard library's loggers to standard output, in one shape."""
    renderers = READABLE if settings.environment == "development" else JSON
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*SHARED, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    configure_standard_logging(level, renderers)


def configure_standard_logging(level: int, renderers: list[Processor]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED, processors=[remove_private_fields, *renderers]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The envelope middleware writes the access log, with the request id in it.
    logging.getLogger("uvicorn.access").disabled = True


def remove_private_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(_, __, event)


def get_logger(name: str) -> Any:
    """A structlog logger whose lines carry `log` = `name`."""
    return structlog.get_logger(log=name)
