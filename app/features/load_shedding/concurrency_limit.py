"""Concurrency limit: bounds the requests in flight; others wait for a moment in a short queue.

See docs/adr/0032-a-fixed-limit-and-a-short-queue.md.
"""

import asyncio

from app.errors import Overloaded
from app.features.load_shedding.settings import LoadSheddingSettings
from app.observability import metrics
from app.observability.logging import get_logger
from app.runtime.jitter import jitter

# With jitter, so that clients rejected together do not all retry together.
RETRY_SECONDS = (1, 3)

# A network, and a credential that was sent from it.
Client = tuple[str, bytes]
Admission = asyncio.Future[None]

log = get_logger("load")


class ConcurrencyLimit:
    """Slots for requests in flight, of which a client and a network occupy a part at most.

    A slot is released in the next iteration of the event loop. Requests that arrive together and
    finish without waiting would otherwise all run in one iteration, and a thousand of them would
    delay everything else by their sum.
    """

    def __init__(self, settings: LoadSheddingSettings) -> None:
        self._settings = settings
        self._shares: dict[str | Client, int] = {}
        self._queue: dict[Admission, Client] = {}  # In the order of arrival.
        self._rejected = 0
        self.in_flight = 0

    async def acquire(self, client: Client) -> None:
        """Occupy a slot, after a wait in the queue if none is free.

        Raises:
            Overloaded: the queue is full, or no slot became free in time.
        """
        if self._has_slot(client):
            self.enter(client)
        elif not await self._wait(client):
            self._rejected += 1
            metrics.REQUESTS_SHED.inc()
            raise Overloaded(retry_after_seconds=round(jitter(*RETRY_SECONDS)))

    def enter(self, client: Client) -> None:
        """Count a request in flight, even above the limit."""
        self.in_flight += 1
        for share in (client[0], client):
            self._shares[share] = self._shares.get(share, 0) + 1

    def leave(self, client: Client) -> None:
        """Release the slot, and admit a waiting request, in the next iteration of the loop."""
        asyncio.get_running_loop().call_soon(self._release, client)

    def sample(self) -> None:
        """Set the gauges, and log the number of requests rejected since the last sample."""
        metrics.IN_FLIGHT.set(self.in_flight)
        metrics.IN_FLIGHT_LIMIT.set(self._settings.max_requests_in_flight)
        rejected, self._rejected = self._rejected, 0
        if rejected:
            log.warning("overloaded", rejected=rejected, in_flight=self.in_flight)

    def _has_slot(self, client: Client) -> bool:
        return (
            self.in_flight < self._settings.max_requests_in_flight
            and self._shares.get(client[0], 0) < self._settings.max_requests_per_network
            and self._shares.get(client, 0) < self._settings.max_requests_per_client
        )

    async def _wait(self, client: Client) -> bool:
        """Return whether a slot was acquired."""
        if len(self._queue) >= self._settings.max_requests_waiting:
            return False
        admission: Admission = asyncio.get_running_loop().create_future()
        self._queue[admission] = client
        try:
            await asyncio.wait([admission], timeout=self._settings.queue_timeout_seconds)
        except asyncio.CancelledError:
            if admission.done():
                self.leave(client)
            raise
        finally:
            self._queue.pop(admission, None)
        return admission.done()

    def _release(self, client: Client) -> None:
        self.in_flight -= 1
        for share in (client[0], client):
            self._shares[share] -= 1
            if not self._shares[share]:
                del self._shares[share]  # Otherwise the dictionary would grow with each client.
        if self._queue:
            self._admit()

    def _admit(self) -> None:
        """Admit the first waiting request whose client may have the slot that became free."""
        if self.in_flight >= self._settings.max_requests_in_flight:
            return
        # Once for each client: several hundred requests of one of them may wait.
        has_slot = {client: self._has_slot(client) for client in set(self._queue.values())}
        for admission, client in self._queue.items():
            if has_slot[client]:
                del self._queue[admission]
                self.enter(client)
                admission.set_result(None)
                return
