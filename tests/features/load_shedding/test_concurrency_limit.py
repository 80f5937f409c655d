"""Concurrency limit: slots, the shares of clients and networks, and the queue."""

import asyncio

import pytest

from app.config.settings import Settings
from app.errors import Overloaded
from app.features.load_shedding.concurrency_limit import Client, ConcurrencyLimit
from app.features.load_shedding.settings import LoadSheddingSettings
from tests.polling import eventually

NEVER_SECONDS = 60
A, B = ("192.0.2.1", b"a"), ("192.0.2.1", b"b")
OTHER_NETWORK, THIRD_NETWORK = ("192.0.2.2", b"a"), ("192.0.2.3", b"a")


def create_limit(settings: Settings, *, queue_timeout_seconds: float = NEVER_SECONDS) -> "Limit":
    changes = {
        "max_requests_in_flight": 4,
        "max_requests_per_network": 3,
        "max_requests_per_client": 2,
        "max_requests_waiting": 3,
        "queue_timeout_seconds": queue_timeout_seconds,
    }
    return Limit(settings.of(LoadSheddingSettings).model_copy(update=changes))


class Limit(ConcurrencyLimit):
    """A limit whose waiting requests are counted, in the order in which they are admitted."""

    def __init__(self, settings: LoadSheddingSettings) -> None:
        super().__init__(settings)
        self.admitted: list[Client] = []
        self.waiting = 0

    async def request(self, client: Client) -> None:
        self.waiting += 1
        try:
            await self.acquire(client)
        finally:
            self.waiting -= 1
        self.admitted.append(client)


@pytest.fixture
def limit(settings: Settings) -> Limit:
    return create_limit(settings)


async def acquired(limit: Limit, *clients: Client) -> None:
    """Let the clients occupy slots, which are free."""
    for client in clients:
        await limit.acquire(client)


async def waiting(limit: Limit, *clients: Client) -> "list[asyncio.Task[None]]":
    tasks = [asyncio.create_task(limit.request(client)) for client in clients]
    await eventually(lambda: limit.waiting == len(tasks))
    return tasks


async def cancel(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class TestSlots:
    async def test_client_occupies_its_share_only(self, limit: Limit) -> None:
        await acquired(limit, A, A)
        tasks = await waiting(limit, A)

        await acquired(limit, B)

        assert limit.in_flight == 3
        await cancel(tasks)

    async def test_network_occupies_its_share_only(self, limit: Limit) -> None:
        await acquired(limit, A, A, B)
        tasks = await waiting(limit, B)

        await acquired(limit, OTHER_NETWORK)

        assert limit.in_flight == 4
        await cancel(tasks)

    async def test_limit_holds_for_all_clients_together(self, limit: Limit) -> None:
        await acquired(limit, A, A, OTHER_NETWORK, OTHER_NETWORK)

        tasks = await waiting(limit, THIRD_NETWORK)

        assert limit.in_flight == 4
        await cancel(tasks)

    async def test_released_slot_admits_a_waiting_request(self, limit: Limit) -> None:
        await acquired(limit, A, A)
        [task] = await waiting(limit, A)

        limit.leave(A)
        await task

        assert limit.in_flight == 2

    async def test_slot_is_released_in_the_next_iteration(self, limit: Limit) -> None:
        await acquired(limit, A, A)
        [task] = await waiting(limit, A)

        limit.leave(A)

        assert limit.in_flight == 2
        assert not task.done()
        await task

    async def test_requests_without_any_wait_do_not_run_in_one_iteration(
        self, limit: Limit
    ) -> None:
        iterations = []

        async def request() -> None:
            await limit.acquire(A)
            iterations.append(iteration)
            limit.leave(A)

        iteration, tasks = 0, [asyncio.create_task(request()) for _ in range(5)]
        while not all(task.done() for task in tasks):
            iteration += 1
            await asyncio.sleep(0)

        assert max(iterations.count(each) for each in iterations) == 2


class TestQueue:
    async def test_requests_are_admitted_in_the_order_of_arrival(self, limit: Limit) -> None:
        clients = [A, OTHER_NETWORK, THIRD_NETWORK]
        await acquired(limit, A, A, OTHER_NETWORK, OTHER_NETWORK)
        tasks = await waiting(limit, *clients)

        for client in (A, OTHER_NETWORK, A):
            limit.leave(client)
        await asyncio.gather(*tasks)

        assert limit.admitted == clients

    async def test_request_overtakes_those_whose_client_has_its_share(self, limit: Limit) -> None:
        await acquired(limit, A, A, OTHER_NETWORK, OTHER_NETWORK)
        tasks = await waiting(limit, A, THIRD_NETWORK)

        limit.leave(OTHER_NETWORK)
        await tasks[1]

        assert not tasks[0].done()
        await cancel(tasks)

    async def test_request_is_rejected_when_the_queue_is_full(self, limit: Limit) -> None:
        await acquired(limit, A, A)
        tasks = await waiting(limit, A, A, A)

        with pytest.raises(Overloaded) as rejected:
            await limit.acquire(A)

        assert 1 <= int(rejected.value.headers["Retry-After"]) <= 3
        await cancel(tasks)

    async def test_request_is_rejected_after_the_queue_timeout(self, settings: Settings) -> None:
        limit = create_limit(settings, queue_timeout_seconds=0.01)
        await acquired(limit, A, A)

        with pytest.raises(Overloaded):
            await limit.acquire(A)

        limit.leave(A)
        await eventually(lambda: limit.in_flight == 1)

    async def test_cancelled_request_leaves_the_queue(self, limit: Limit) -> None:
        await acquired(limit, A, A)
        cancelled, following = await waiting(limit, A, A)
        await cancel([cancelled])

        limit.leave(A)
        await following

        assert limit.in_flight == 2

    async def test_slot_of_a_request_cancelled_after_admission_is_released(
        self, limit: Limit
    ) -> None:
        await acquired(limit, A, A)
        [task] = await waiting(limit, A)
        limit.leave(A)
        await asyncio.sleep(0)  # The slot is released, and the task has not resumed.

        await cancel([task])

        await eventually(lambda: limit.in_flight == 1)
