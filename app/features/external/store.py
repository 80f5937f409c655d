"""Storage of the response cache: the port, and its adapter for processes without Redis."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A JSON-serializable value, and the time until which it is fresh, in Unix seconds."""

    value: Any
    fresh_until: float

    def is_fresh(self) -> bool:
        return time.time() < self.fresh_until


class Store(Protocol):
    """Entries by key. It raises nothing: a value that was not stored is loaded again."""

    async def close(self) -> None: ...

    async def get(self, key: str, *, otherwise: Entry | None) -> Entry | None:
        """Return the entry of the key or None; `otherwise` if the storage is unreachable."""
        ...

    async def set(self, key: str, entry: Entry, *, seconds: float) -> None: ...

    async def lock(self, key: str, holder: str, *, seconds: float) -> bool:
        """Try to acquire the lock against other processes; within a process callers serialize."""
        ...

    async def unlock(self, key: str, holder: str) -> None: ...


class NoStore:
    """Stores nothing: each process has only what it loaded itself."""

    async def close(self) -> None:
        pass

    async def get(self, _: str, *, otherwise: Entry | None) -> Entry | None:
        return otherwise

    async def set(self, _: str, __: Entry, *, seconds: float) -> None:
        pass

    async def lock(self, _: str, __: str, *, seconds: float) -> bool:  # noqa: ARG002  (the port's)
        return True

    async def unlock(self, _: str, __: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Stores:
    """Opens the storage; without this resource each process has its own cache."""

    open: Callable[[], Store]
