"""Bound of WebSockets whose clients have not authenticated yet."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Overloaded
from app.features.streams.models.socket import TooManySockets

# Each is open for INIT_SECONDS at most, usually for one round trip. Many clients share a network,
# and all of them connect again after a restart of the service.
PER_NETWORK = 50
PER_PROCESS = 500
RETRY_SECONDS = 5


class AnonymousSockets:
    """Counts those of this process, by network: an IPv4 address, or a /64 of IPv6."""

    def __init__(self, *, per_network: int = PER_NETWORK, per_process: int = PER_PROCESS) -> None:
        self._per_network = per_network
        self._per_process = per_process
        self._by_network: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self._by_network.total()

    @contextmanager
    def counted(self, network: str) -> Iterator[None]:
        """Count one for the duration of the block.

        Raises:
            TooManySockets: the network has as many as allowed.
            Overloaded: the process has as many as allowed.
        """
        if self.count >= self._per_process:
            raise Overloaded(
                "Too many WebSockets wait for credentials.", retry_after_seconds=RETRY_SECONDS
            )
        if self._by_network[network] >= self._per_network:
            raise TooManySockets(
                f"At most {self._per_network} WebSockets of a network wait for credentials.",
                retry_after_seconds=RETRY_SECONDS,
            )
        self._by_network[network] += 1
        try:
            yield
        finally:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]
