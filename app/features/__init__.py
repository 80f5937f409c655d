"""The features of the service, in mounting order.

The log writer is opened first and closed last. Middleware follows, from the outermost on, then
Redis and the replica, which replace parts of the kernel that others open, then routers, those with
the most requests first.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

FEATURES = (
    "log_writer",
    "cors",
    "http_server",
    "load_shedding",
    "header_check",
    "compression",
    "redis",
    "replica",
    "fast_path",
    "openapi_details",
    "idempotency",
    "background_jobs",
    "system",
    "items",
    "auth",
    "posts",
    "categories",
    "files",
    "users",
    "dashboard",
    "tasks",
    "notifications",
    "api_keys",
    "audit",
    "events",
    "rooms",
    "external",
    "webhooks",
    "graphql",
    "streams",
    "mail",
    "http_client",
    "backup",
    "html_pages",
    "docs_pages",
    "tracing",
    "prometheus",
    "watchdog",
)


def find_modules(kind: str) -> Iterator[ModuleType]:
    """Import `app.features.<name>.<kind>` of each enabled feature that has such a module."""
    for name in FEATURES:
        if find_spec(f"app.features.{name}.{kind}"):
            yield import_module(f"app.features.{name}.{kind}")
