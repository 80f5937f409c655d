"""Session revalidation: streams end when the credential of their caller does.

A request is checked when it arrives; a stream may outlast the credential of its caller.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.db.executor import PoolReader
from app.runtime.background import BackgroundLoop
from app.security.authenticators import Authenticators, LiveCredentialRow
from app.security.principals import Credential, Principal

# A revocation notifies at once; polling covers a lost notification within the documented 5 s.
EVERY_SECONDS = 2.0


class ConnectionGuard:
    """Guard of one open stream; `ended` is set when its credential expires or is revoked."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = asyncio.Event()
        self.reason = ""

    @property
    def credential(self) -> Credential | None:
        return self.principal.credential

    def compare(self, status: LiveCredentialRow | None) -> None:
        """End the stream if the credential is gone, or the state of its account has changed.

        Args:
            status: row of the live credential, None if it has ended or was replaced.
        """
        known = (self.principal.role, self.principal.email_verified)
        if status is None or (status["role"], status["email_verified"]) != known:
            self.end("revoked")

    def end_if_expired(self) -> None:
        if self.principal.expires_at <= time.time():
            self.end("expired")

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.ended.set()


class SessionRevalidation(BackgroundLoop):
    """Checks all open streams of this process: one statement for each kind of credential."""

    name = "session revalidation"

    def __init__(
        self,
        reads: PoolReader,
        authenticators: Authenticators,
        *,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        super().__init__()
        self._authenticators = authenticators
        self._every_seconds = every_seconds
        self._reads = reads
        self._guards: set[ConnectionGuard] = set()
        self._notified = asyncio.Event()

    @contextmanager
    def watch(self, principal: Principal) -> Iterator[ConnectionGuard]:
        """Revalidate one stream for the duration of the block."""
        guard = ConnectionGuard(principal)
        self._guards.add(guard)
        try:
            yield guard
        finally:
            self._guards.discard(guard)

    def notify(self, _: str = "") -> None:
        """Revalidate all streams now, because permissions have changed."""
        self._notified.set()

    async def work(self) -> None:
        self._notified.clear()
        guards = list(self._guards)
        for each in guards:
            each.end_if_expired()
        credentials = {each.credential for each in guards if each.credential}
        live = await self._authenticators.find_live(self._reads, credentials)
        for each in guards:
            each.compare(live.get(each.credential) if each.credential else None)

    async def pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_seconds):
                await self._notified.wait()
