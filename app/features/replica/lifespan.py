"""Lifespan of the read replica, which serves users without recent writes."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.engine import create_pool
from app.db.executor import PoolReader
from app.db.read_router import ReadRouting
from app.db.resources import DatabaseResources
from app.features.replica.replica import WRITERS, Lag, Replica
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class ReplicaResources:
    """The replica; None if DATABASE_REPLICA_URL is empty."""

    replica: Replica | None


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ReplicaResources]:
    if not startup.settings.database_replica_url:
        yield ReplicaResources(None)
        return
    replica = create_replica(startup)
    startup.resources.add(ReadRouting(replica))
    startup.health.add("replica", replica.wait_until_caught_up)
    notifications = startup.notifications
    notifications.on_notification(WRITERS, lambda user_id: replica.record_write(uuid.UUID(user_id)))
    notifications.on_reconnect(replica.mark_unhealthy)
    startup.run(replica)
    yield ReplicaResources(replica)


def create_replica(startup: Startup) -> Replica:
    settings, url = startup.settings, startup.settings.database_replica_url
    return Replica(
        startup.resources[DatabaseResources].reads,
        PoolReader(create_pool(settings, url)),
        Lag(
            PoolReader(create_pool(settings, settings.database_url, size=1)),
            PoolReader(create_pool(settings, url, size=1)),
        ),
        max_lag_seconds=settings.database_replica_max_lag_seconds,
        publish=startup.notifications.publish,
    )
