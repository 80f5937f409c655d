"""Server that restarts its process when code changes; PostgreSQL and the port stay open."""

import os
import socket
from pathlib import Path

import uvicorn
from uvicorn.supervisors import ChangeReload

from app.commands.serve import APPLICATION, server_options
from app.config.settings import Settings

APP = Path(__file__).parents[1]
# In addition to Python: templates, pages and their style sheets, which are read at the start.
INCLUDES = ["*.html", "*.css", "*.js", "*.txt"]
# A breakpoint stops the event loop: with the limits of production the watchdog would end the
# process after 30 s, and the request would fail after 4.5 s.
UNLIMITED = {"loop_watchdog_seconds": "0", "request_timeout_seconds": "3600"}


def serve_with_reload(settings: Settings, listener: socket.socket) -> None:
    """Serve until a signal; after an error in the code the next change starts the server again."""
    given = settings.model_fields_set
    os.environ |= {name.upper(): value for name, value in UNLIMITED.items() if name not in given}
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        reload=True,
        reload_dirs=[str(APP)],
        reload_includes=INCLUDES,
        **server_options(),
    )
    ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
