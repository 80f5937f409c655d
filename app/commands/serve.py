"""Server command: starts uvicorn, and in development also PostgreSQL with migrations and seeds."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.features import find_modules

if TYPE_CHECKING:
    from fastapi import FastAPI

Run = Callable[[Settings, socket.socket], None]

APPLICATION = "app.commands.serve:create_worker"
# Time for streams to end after they were notified; then their connections are closed.
GRACEFUL_SHUTDOWN_SECONDS = 10
KEEP_ALIVE_SECONDS = 65  # Longer than that of common load balancers, so that those close first.

# A full collection traverses all objects, 30 ms in one piece with a few requests in memory and 50
# with 1,200 connections. Python's own thresholds, 700 and 10 and 10, have one of them after 70,000
# new objects, so that a burst of requests pays for several; these have one after a million. Of the
# collections before, the largest traverses 20,000 objects in 5 ms.
GC_THRESHOLDS = (2000, 10, 50)


def serve(settings: Settings, run: Run) -> None:
    """Serve until SIGINT or SIGTERM, by `run` with the socket that listens.

    Raises:
        ConfigError: the port is in use, or the development database cannot be started.
    """
    listener = listen(settings.host, settings.port)
    with listener, stopped_by_signals(), database(settings) as url:
        os.environ["DATABASE_URL"] = url  # Worker processes read the settings again.
        if settings.environment == "development":
            from app.devtools import development  # Developer tools, which production does not load.

            development.prepare(settings.model_copy(update={"database_url": url}))
            port = listener.getsockname()[1]
            # Without PUBLIC_URL, links in mails begin with them.
            os.environ["HOST"], os.environ["PORT"] = settings.host, str(port)
            development.print_banner(settings, port)
        run(settings, listener)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket that worker processes inherit.

    Raises:
        ConfigError: the address or port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once, so that a server that starts a moment later fails because the port is in use.
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Cannot listen on {host}:{port} ({error.strerror}): "
            "stop what listens there, or choose another port with PORT=."
        ) from None
    listener.set_inheritable(True)
    return listener


def run_processes(settings: Settings, listener: socket.socket) -> None:
    """Run the server in this process, or in the worker processes that the settings ask for."""
    # Here, so that a process that only starts others does not wait for it.
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    options = {"factory": True, "workers": settings.workers, **server_options()}
    config = uvicorn.Config(APPLICATION, **options)
    if settings.workers > 1:
        with ExitStack() as stack:
            for module in find_modules("worker_processes"):
                stack.enter_context(module.prepare())
            Multiprocess(config, sockets=[listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def server_options() -> dict[str, Any]:
    """Return the options of uvicorn, the same under every process manager.

    A feature replaces some by `OPTIONS` in its module `server_options`.
    """
    from app.http.body_bounds import MAX_FRAME_BYTES  # Which imports half of the kernel.

    options: dict[str, Any] = {
        "lifespan": "on",  # "auto" would continue after a failed start.
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # app/http/forwarding.py parses them under every server.
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACEFUL_SHUTDOWN_SECONDS,
        "ws": "websockets-sansio",
        "ws_max_size": MAX_FRAME_BYTES,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        # Data of an attacker must not be compressed together with data of other users.
        "ws_per_message_deflate": False,
    }
    for module in find_modules("server_options"):
        options |= module.OPTIONS
    return options


def create_worker() -> "FastAPI":
    """Create the application of one worker process."""
    # Imported objects live as long as the process. Garbage collection of them takes a fifth of
    # the start, and later would pause all requests for a tenth of a second each time.
    gc.disable()
    from app.main import create_app

    app = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    return app


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM unwind the stack like Ctrl-C, so that PostgreSQL is also stopped.

    uvicorn drains first and then raises the signal again; its default action would kill the
    process here.
    """
    signal.signal(signal.SIGTERM, exit_process)
    try:
        yield
    except KeyboardInterrupt:
        sys.stdout.flush()


def exit_process(*_: object) -> None:
    raise SystemExit(0)
