"""Server that restarts its process when code changes; PostgreSQL and the port stay open.

Where fork is safe, a process without the application imports the packages once, and each server
process is a fork of it. ADR 0038.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event

from watchfiles import PythonFilter, watch

from app.config.settings import ConfigError, Settings

APP = Path(__file__).parents[1]
# In addition to Python: templates, pages and their style sheets, which are read at the start.
WATCHED = PythonFilter(extra_extensions=(".html", ".css", ".js", ".txt"))
# A breakpoint stops the event loop: with the limits of production the watchdog would end the
# process after 30 s, and the request would fail after 4.5 s.
UNLIMITED = {"loop_watchdog_seconds": "0", "request_timeout_seconds": "3600"}
# System libraries of macOS may crash in a fork, and Windows cannot fork.
CONTEXT = get_context("forkserver") if sys.platform == "linux" else get_context("spawn")
# What the server imports at its start. None of them starts a thread, which a fork would lose.
PACKAGES = [
    "asyncpg",
    "fastapi",
    "opentelemetry.trace",
    "prometheus_client",
    "pydantic.v1",  # FastAPI compares each type with its models.
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "typer",
    "uvicorn.supervisors",
    "watchfiles",
    "httpcore",  # feature: webhooks
    "standardwebhooks",  # feature: webhooks
    "httpx",  # feature: http_client
    "uvicorn.protocols.http.httptools_impl",  # feature: http_server
    "uvicorn.protocols.websockets.websockets_sansio_impl",  # feature: http_server
    "obstore",  # feature: files
    "pgqueuer",  # feature: background_jobs
    "aiosmtplib",
    "jinja2",
    "jose.jws",
    "passlib.handlers.argon2",
]


def serve_with_reload(settings: Settings) -> None:
    """Serve until a signal; after an error in the code the next change starts the server again.

    Raises:
        ConfigError: as `serve`, or the settings ask for several processes.
    """
    if settings.workers > 1:
        raise ConfigError("Only one process can be reloaded: set WORKERS=1, or use --no-reload.")
    preload()
    # Not before, because this takes as long as the packages: two processors share the work.
    from app.commands.serve import serve

    serve(settings, run_and_restart)


def preload() -> None:
    """Start the process to fork from, which imports the packages while this one continues."""
    if CONTEXT.get_start_method() == "forkserver":
        CONTEXT.set_forkserver_preload(PACKAGES)
        # It ends with its parent, and not by a Ctrl-C, which reaches all processes of a terminal.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        ensure_running()
        signal.signal(signal.SIGINT, handler)


def run_and_restart(settings: Settings, listener: socket.socket) -> None:
    given = settings.model_fields_set
    os.environ |= {name.upper(): value for name, value in UNLIMITED.items() if name not in given}
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    process = start(listener)
    for changes in watch(APP, watch_filter=WATCHED, stop_event=stopped):
        paths = sorted({os.path.relpath(path) for _, path in changes})
        print(f"Changed: {', '.join(paths)}. Restarting.", flush=True)
        stop(process)
        process = start(listener)
    stop(process)


def start(listener: socket.socket) -> BaseProcess:
    process = CONTEXT.Process(target=run, args=(listener, dict(os.environ)))
    process.start()
    return process


def stop(process: BaseProcess) -> None:
    process.terminate()
    process.join()


def run(listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Run the server in a new process."""
    os.environ |= environment  # The process that it was forked from is older.
    with suppress(OSError):  # It is closed in a service without a terminal.
        sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing replaced it; breakpoints read it.
    # Errors in them are shown like all others, and the next change starts the server again.
    import uvicorn

    from app.commands.serve import APPLICATION, server_options

    config = uvicorn.Config(APPLICATION, factory=True, **server_options())
    uvicorn.Server(config).run(sockets=[listener])
