"""Lifespan: opens the resources of the kernel and of each feature, and closes them in reverse.

It opens no database connection: the service starts while the database is down, and is ready as
soon as the database is reachable.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from app.config.settings import Settings
from app.db.engine import connect, create_pool
from app.db.executor import PoolReader
from app.db.notifications import Listener, Notifications
from app.db.read_router import ReadRouting
from app.db.resources import DatabaseResources
from app.db.revisions import is_migrated
from app.db.unit_of_work import UnitOfWorkFactory
from app.feature import Features
from app.http.cursors import CursorSigner
from app.http.health import HealthChecks
from app.http.resources import HttpResources
from app.resources import Resources
from app.runtime.background import start_together
from app.runtime.drain import Drain, on_stop_signal
from app.security import principal_cache
from app.security.authenticators import Authenticators
from app.security.encryption import Encryptor
from app.security.principal_cache import PrincipalCache
from app.security.resources import RequestRateLimit, SecurityResources
from app.startup import Startup


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    async with AsyncExitStack() as stack:
        startup = start(resources)
        open_database(startup, stack)
        open_security(startup)
        open_http(startup)
        for feature in resources[Features].by_requirement():
            if feature.lifespan:
                resources.add(await stack.enter_async_context(feature.lifespan(startup)))
        resources.add(RequestRateLimit(startup.windows(startup.settings.rate_limit_default)))
        run_loops(startup, stack)
        stack.enter_context(on_stop_signal(startup.drain.begin))
        yield


def start(resources: Resources) -> Startup:
    settings = resources[Settings]
    drain = Drain()
    resources.add(drain)
    resources.add(ReadRouting())
    listen = partial(Listener, partial(connect, settings, settings.session_url))
    return Startup(settings, resources, Notifications(), drain, HealthChecks(settings), listen)


def open_database(startup: Startup, stack: AsyncExitStack) -> None:
    settings, notifications = startup.settings, startup.notifications
    pool = create_pool(settings, settings.database_url)
    database = DatabaseResources(
        pool,
        UnitOfWorkFactory(pool, notifications, startup.resources[Features].signals),
        PoolReader(pool),
        PoolReader(pool, pool.reserve),
        notifications,
    )
    startup.resources.add(database)
    startup.health.add("database", lambda: is_migrated(database.reads))
    stack.push_async_callback(pool.close)


def open_security(startup: Startup) -> None:
    principals = PrincipalCache()
    authenticators = Authenticators(startup.resources[Features].authenticators)
    encryptor = Encryptor(startup.settings.signing_secret)
    startup.resources.add(SecurityResources(authenticators, principals, encryptor))
    startup.notifications.on_notification(
        principal_cache.CHANNEL, lambda user_id: principals.invalidate_user(uuid.UUID(user_id))
    )
    startup.notifications.on_reconnect(principals.clear)
    startup.samplers.append(partial(principals.sample, "principals"))


def open_http(startup: Startup) -> None:
    cursor_signer = CursorSigner(startup.settings.signing_secret)
    startup.resources.add(HttpResources(cursor_signer, startup.health))


def run_loops(startup: Startup, stack: AsyncExitStack) -> None:
    for loop in (startup.create_listener(startup.notifications), *startup.loops):
        loop.start()
        stack.push_async_callback(loop.close)
    if startup.settings.runs_worker:
        stack.push_async_callback(start_together(startup.worker_loops))
