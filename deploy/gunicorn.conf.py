"""For those who run gunicorn instead of `app run`, which needs none of this.

gunicorn --config deploy/gunicorn.conf.py 'app.commands.serve:create_worker()'
"""

import os
import shutil
import sys
import tempfile

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKERS", "1"))
worker_class = "asgi"
asgi_lifespan = "on"
# FORWARDED_ALLOW_IPS is a setting of the service, which reads the forwarding header fields itself.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
keepalive = 65  # Longer than common load balancers, which then close first.
graceful_timeout = 10
# A loop that is stuck ends its worker by itself, earlier: see LOOP_WATCHDOG_SECONDS.
timeout = 60
control_socket_disable = True

# Where workers keep their metrics, so that each of them can tell the sum of all. To be set
# before prometheus_client is imported, which is why nothing above imports it.
METRICS = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))


def on_starting(_):
    """Refuse bad settings in one sentence; each worker would tell it with a traceback."""
    from app.core.config import ConfigError, load_settings

    try:
        load_settings()
    except ConfigError as error:
        shutil.rmtree(METRICS)
        sys.exit(str(error))


def on_exit(_):
    shutil.rmtree(METRICS, ignore_errors=True)
