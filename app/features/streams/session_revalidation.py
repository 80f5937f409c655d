"""Whether those who keep a stream open may still do so.

A request is checked when it arrives; a stream lasts longer than the rights of its caller.
"""

import asyncio
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from app.db.executor import ReadPool, Row
from app.features.api_keys import crud as api_keys
from app.features.users.crud import sessions
from app.runtime.background import BackgroundLoop
from app.security.principals import Principal

# Five seconds are promised; a revocation is told at once, and this is for the lost word.
EVERY_SECONDS = 2.0

Standings = dict[uuid.UUID, Row]


class Watched:
    """One open stream. `ended` is set once its caller may not go on, and `reason` says why."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = asyncio.Event()
        self.reason = ""
        self._first: Row | None = None

    @property
    def key(self) -> uuid.UUID | None:
        """Of the session or the API key."""
        return self.principal.session_id or self.principal.api_key_id

    def compare(self, standing: Row | None) -> None:
        """End unless the role, and the key if it is one, are what they were."""
        self._first = self._first or standing
        is_same = standing is not None and standing == self._first
        if standing is None or not is_same or standing["role"] != self.principal.role:
            self.end("revoked")

    def end_if_expired(self) -> None:
        if self.principal.expires_at <= time.time():
            self.end("expired")

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.ended.set()


class Standing(BackgroundLoop):
    """Asks for all open streams of this process at once: two statements, however many."""

    name = "standing"

    def __init__(self, reads: ReadPool, *, every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._every_seconds = every_seconds
        self._reads = reads
        self._watched: set[Watched] = set()
        self._news = asyncio.Event()

    @contextmanager
    def watch(self, principal: Principal) -> Iterator[Watched]:
        """Look after one stream as long as the block lasts."""
        watched = Watched(principal)
        self._watched.add(watched)
        try:
            yield watched
        finally:
            self._watched.discard(watched)

    def wake(self, _: str = "") -> None:
        """Somebody's rights have changed: look now."""
        self._news.set()

    async def work(self) -> None:
        self._news.clear()
        watched = list(self._watched)
        for each in watched:
            each.end_if_expired()
        known = await self._standings(watched)
        for each in watched:
            each.compare(known.get(each.key) if each.key else None)

    async def pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_seconds):
                await self._news.wait()

    async def _standings(self, watched: Collection[Watched]) -> Standings:
        callers = [each.principal for each in watched]
        session_ids = {caller.session_id for caller in callers if caller.session_id}
        key_ids = {caller.api_key_id for caller in callers if caller.api_key_id}
        known: Standings = {}
        if session_ids:
            known |= await sessions.find_status(self._reads, session_ids)
        if key_ids:
            known |= await api_keys.find_status(self._reads, key_ids)
        return known
