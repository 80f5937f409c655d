"""Topics: what several leases have in common, such as a room.

A feature registers one handler. Its functions run in the transaction of the lease, also for
leases of processes that were killed.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.db.session import AsyncSession


@dataclass(frozen=True, slots=True)
class TopicHandler:
    lock: Callable[[AsyncSession, str], Awaitable[None]]
    """Keep others from changing the topic until the transaction ends; called first."""
    entered: Callable[[AsyncSession, str, uuid.UUID, bool], Awaitable[Any]]
    """Called after a lease of the user began; true where it is the user's first one there.

    What it returns is what `SocketLeases.held` yields.
    """
    left: Callable[[AsyncSession, str, uuid.UUID], Awaitable[None]]
    """Called after the user's last lease there ended."""


async def ignore(*_: object) -> None:
    pass


NO_TOPICS = TopicHandler(lock=ignore, entered=ignore, left=ignore)
