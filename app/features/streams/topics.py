"""Topics: groups of leases, such as the sockets in a room.

A feature registers one handler. Its functions run in the transaction of the lease, also for
leases of processes that were killed.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.db.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class TopicHandler:
    lock: Callable[[UnitOfWork, str], Awaitable[None]]
    """Lock the topic against other transactions until this one ends; called first."""
    entered: Callable[[UnitOfWork, str, uuid.UUID, bool], Awaitable[Any]]
    """Called after a lease of the user began; the flag is true for the user's first one there.

    `SocketLeases.held` yields its result.
    """
    left: Callable[[UnitOfWork, str, uuid.UUID], Awaitable[None]]
    """Called after the user's last lease there ended."""


async def ignore(*_: object) -> None:
    pass


NO_TOPICS = TopicHandler(lock=ignore, entered=ignore, left=ignore)
