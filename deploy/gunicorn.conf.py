"""For those who run gunicorn instead of `app run`, which needs none of this.

gunicorn --config deploy/gunicorn.conf.py 'app.commands.serve:create_worker()'
"""

import os
import shutil
import signal
import sys
import tempfile

import uvicorn
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKERS", "1"))
# A little longer than uvicorn's own, after which it closes the remaining connections.
graceful_timeout = 15
# A stuck event loop ends its worker earlier: see LOOP_WATCHDOG_SECONDS.  # feature: watchdog
timeout = 60
control_socket_disable = True

NOTIFY_SECONDS = 10


class UvicornWorker(Worker):
    """A worker process that serves with uvicorn and the options of `app run`.

    gunicorn's own ASGI worker parses HTTP by other rules: see ADR 0023.
    """

    def init_signals(self):
        for each in self.SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        # uvicorn drains first, and then raises the signal again.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def run(self):
        from app.commands.serve import server_options

        config = uvicorn.Config(
            self.wsgi,
            callback_notify=self.beat,
            timeout_notify=NOTIFY_SECONDS,
            **server_options(),
        )
        server = uvicorn.Server(config)
        server.run(sockets=[each.sock for each in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def beat(self):
        self.notify()


worker_class = UvicornWorker

# The folder in which workers store their metrics, so that each can return the sum. Must be set
# before prometheus_client is imported, so no import above may import it.
METRICS = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))


def on_starting(_):
    """Reject invalid settings with one sentence; each worker would report them with a traceback."""
    from app.config.settings import ConfigError, load_settings

    try:
        load_settings()
    except ConfigError as error:
        shutil.rmtree(METRICS)
        sys.exit(str(error))


def on_exit(_):
    shutil.rmtree(METRICS, ignore_errors=True)
