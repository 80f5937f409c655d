"""Applications of tests that change settings: those that have stopped are started again.

To create one takes 0.4 s of CPU, nearly all of it for the routes; to start one takes 0.05 s.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI

from app.config.settings import Settings
from app.feature import Features
from app.features.users.lifespan import UserResources
from app.features.users.passwords import PasswordHasher
from app.http.load_shedding.concurrency_limit import ConcurrencyLimit
from app.main import add_middleware, create_app, create_resources
from app.observability.logging import configure_logging
from tests.state import opened, replaced

IDLE = 4
# What routes and the document depend on; `test_applications.py` compares it with `create_app`.
OF_ROUTES = {
    "api_v1_str",
    "description",
    "environment",
    "fast_path_enabled",
    "metrics_enabled",
    "project_name",
    "public_url",
    "security_contact",
    "version",
}
# The exporter of an application starts when it is created, and ends with its lifespan.
ONLY_ONCE = {"otel_exporter_otlp_endpoint"}


class Applications:
    """Starts applications, each with some settings changed."""

    def __init__(self, settings: Settings, passwords: PasswordHasher) -> None:
        self._settings = settings
        self._passwords = passwords
        self._idle: deque[tuple[dict[str, Any], FastAPI]] = deque(maxlen=IDLE)

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator[FastAPI]:
        """Run an application; after an error it is not used again."""
        settings = self._settings.model_copy(update=changes)
        fixed = {name: value for name, value in changes.items() if name in OF_ROUTES | ONLY_ONCE}
        app = self._taken(fixed)
        app = reconfigured(app, settings) if app else create_app(settings)
        with as_created(app):
            async with app.router.lifespan_context(app):
                with replaced(app, UserResources, passwords=self._passwords):
                    yield app
        if not ONLY_ONCE & fixed.keys():
            self._idle.append((fixed, app))

    def _taken(self, fixed: dict[str, Any]) -> FastAPI | None:
        found = [each for each in self._idle if each[0] == fixed]
        if not found:
            return None
        self._idle.remove(found[-1])
        return found[-1][1]


def reconfigured(app: FastAPI, settings: Settings) -> FastAPI:
    """Give an application what `create_app` makes of settings, without its routes."""
    limit, writer = ConcurrencyLimit(settings), configure_logging(settings)
    app.state.resources = create_resources(settings, opened(app)[Features], limit, writer)
    app.user_middleware.clear()
    app.middleware_stack = None
    add_middleware(app, settings, limit)
    return app


@contextmanager
def as_created(app: FastAPI) -> Iterator[None]:
    """Remove the routes that a test added."""
    routes = [*app.router.routes]
    yield
    app.router.routes[:] = routes
