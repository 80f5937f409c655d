"""Fast path: finds routes and solves dependencies without FastAPI's work for each request.

The one package that uses private names of FastAPI and Starlette. The service responds the same
without it, with `FAST_PATH_ENABLED=false` or after the warning that an assumption does not hold.
See docs/adr/0020-hot-paths-bypass-the-frameworks.md.
"""

from importlib import import_module

import fastapi
from fastapi import FastAPI

from app.features.fast_path.settings import FastPathSettings
from app.observability.logging import get_logger
from app.resources import Resources

# The versions with which the fast path is tested; another one may have changed what it uses.
VERSIONS = ("0.165.",)

log = get_logger("fastpath")


def accelerate(app: FastAPI) -> None:
    """Serve the routes that the application has at this moment by the fast path, if it can."""
    resources: Resources = app.state.resources
    if resources[FastPathSettings].fast_path_enabled:
        install(app)


def install(app: FastAPI) -> None:
    reason = unusable()
    if reason:
        log.warning("fast path unusable, plain FastAPI serves", reason=reason)
        return
    from app.features.fast_path import routing

    routing.install(app)


def unusable() -> str:
    """Return why the fast path cannot be used, an empty text if it can."""
    if not fastapi.__version__.startswith(VERSIONS):
        return f"not tested with FastAPI {fastapi.__version__}"
    try:
        import_module("app.features.fast_path.routing")
    except (ImportError, AttributeError) as error:
        return f"FastAPI {fastapi.__version__} has changed: {error}"
    return ""
