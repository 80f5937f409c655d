"""Resources of the database layer."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.executor import ReadPool
from app.db.notifications import Notifications
from app.db.pool import DriverPool
from app.db.session import Sessionmaker


@dataclass(frozen=True, slots=True)
class DatabaseResources:
    engine: AsyncEngine
    sessions: Sessionmaker
    reads: ReadPool
    loop_reads: ReadPool
    """For background loops, so that they and requests never wait for each other."""
    driver_pool: DriverPool
    notifications: Notifications
