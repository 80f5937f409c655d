"""Read routing: selects the server for reads that tolerate replication lag.

All go to the primary unless a feature, such as a replica, registers a router.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.db.executor import Reader


class ReadRouter(Protocol):
    def reader(self, user_id: Callable[[], uuid.UUID]) -> Reader:
        """Return the reader of one user; the id may become known later."""

    async def publish_write(self, user_id: uuid.UUID) -> None:
        """Notify all processes that the user has just written, so that none returns older rows."""


@dataclass(frozen=True, slots=True)
class ReadRouting:
    router: ReadRouter | None = None
