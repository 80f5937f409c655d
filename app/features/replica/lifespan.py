"""Lifespan of the read replica, which serves users without recent writes."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.engine import create_reads
from app.db.read_router import ReadRouting
from app.db.resources import DatabaseResources
from app.features.replica.replica import WRITERS, Lag, Replica
from app.features.replica.settings import ReplicaSettings
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class ReplicaResources:
    """The replica; None if DATABASE_REPLICA_URL is empty."""

    replica: Replica | None


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ReplicaResources]:
    if not startup.settings.of(ReplicaSettings).database_replica_url:
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
    settings, own = startup.settings, startup.settings.of(ReplicaSettings)
    url = own.database_replica_url
    return Replica(
        startup.resources[DatabaseResources].reads,
        create_reads(settings, url),
        Lag(*(create_reads(settings, each, size=1) for each in (settings.database_url, url))),
        max_lag_seconds=own.database_replica_max_lag_seconds,
        publish=startup.notifications.publish,
    )
