"""Session revalidation: streams end when the credential of their caller does.

A request is checked when it arrives; a stream lasts longer than the rights of its caller.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.db.executor import ReadPool, Row
from app.runtime.background import BackgroundLoop
from app.security.authenticators import Authenticators
from app.security.principals import Credential, Principal

# Five seconds are promised; a revocation is told at once, and this is for the lost word.
EVERY_SECONDS = 2.0


class Watched:
    """One open stream. `ended` is set once its caller may not go on, and `reason` says why."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = asyncio.Event()
        self.reason = ""
        self._first: Row | None = None

    @property
    def credential(self) -> Credential | None:
        return self.principal.credential

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
    """Checks all open streams of this process: one statement for each kind of credential."""

    name = "standing"

    def __init__(
        self,
        reads: ReadPool,
        authenticators: Authenticators,
        *,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        super().__init__()
        self._authenticators = authenticators
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
        credentials = {each.credential for each in watched if each.credential}
        live = await self._authenticators.find_live(self._reads, credentials)
        for each in watched:
            each.compare(live.get(each.credential) if each.credential else None)

    async def pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_seconds):
                await self._news.wait()
