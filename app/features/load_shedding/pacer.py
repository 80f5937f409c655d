"""Request pacer: few requests start in each iteration of the event loop, clients in turn (RFC 970).

Requests that arrive together are ready together: the event loop would start all of them before
anything else runs, so that one client with a thousand requests delays all others by their sum,
even if each of them is rejected.
"""

import asyncio
from collections import deque

from app.features.load_shedding.concurrency_limit import Client

# A request that is rejected costs about 0.4 ms in one piece.
PER_ITERATION = 4

Turn = asyncio.Future[None]


class RequestPacer:
    """Round robin over networks, and over the credentials of each network.

    The network comes first because a client can send any number of made-up credentials. The queue
    needs no bound of its own: without it, the same requests would wait in the event loop.
    """

    def __init__(self, per_iteration: int = PER_ITERATION) -> None:
        self._per_iteration = self._left = per_iteration
        self._waiting: dict[str, dict[bytes, deque[Turn]]] = {}

    async def wait(self, client: Client) -> None:
        """Return when a request of the client may start."""
        if self._left and not self._waiting:
            if self._left == self._per_iteration:
                asyncio.get_running_loop().call_soon(self._begin_iteration)
            self._left -= 1
            return
        network, credential = client
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(network, {}).setdefault(credential, deque()).append(turn)
        await turn

    def _begin_iteration(self) -> None:
        self._left = self._per_iteration
        while self._left and self._waiting:
            turn = self._next()
            if not turn.done():  # The request was cancelled.
                turn.set_result(None)
                self._left -= 1
        if self._left < self._per_iteration:
            asyncio.get_running_loop().call_soon(self._begin_iteration)

    def _next(self) -> Turn:
        """Remove the next turn; its network and its credential become the last ones."""
        network, credentials = next(iter(self._waiting.items()))
        credential, turns = next(iter(credentials.items()))
        turn = turns.popleft()
        del self._waiting[network], credentials[credential]
        if turns:
            credentials[credential] = turns
        if credentials:
            self._waiting[network] = credentials
        return turn
