"""Read routing: which server answers the reads that may be a moment old.

The primary answers them all unless a feature, such as a replica, registers a router.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.db.executor import Reader


class ReadRouter(Protocol):
    def reader(self, user_id: Callable[[], uuid.UUID]) -> Reader:
        """Return the reader of one user; the id may become known later."""

    async def announce(self, user_id: uuid.UUID) -> None:
        """Have all processes read what the user has just written."""


@dataclass(frozen=True, slots=True)
class ReadRouting:
    router: ReadRouter | None = None
