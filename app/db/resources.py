"""Resources of the database layer."""

from dataclasses import dataclass

from app.db.executor import PoolReader
from app.db.notifications import Notifications
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True, slots=True)
class DatabaseResources:
    pool: Pool
    units_of_work: UnitOfWorkFactory
    reads: PoolReader
    loop_reads: PoolReader
    """For background loops, so that they do not wait for requests."""
    notifications: Notifications
