"""Concurrency limit and admission queue: adaptation to lag, capacity, rejection and deadlines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.http.load_shedding.admission_queue import (
    BURST_WAIT_SECONDS,
    INITIAL_INTERVAL_SECONDS,
    OVERLOAD_AFTER_SECONDS,
    OVERLOAD_WAIT_SECONDS,
    QUEUE_TIMEOUT_SECONDS,
)
from app.http.load_shedding.concurrency_limit import (
    INITIAL_LIMIT,
    MAX_LAG_SECONDS,
    MIN_LIMIT,
    ConcurrencyLimit,
    Work,
)
from app.http.load_shedding.fair_queue import Client

MAXIMUM = 100
LATE, PROMPT = 2 * MAX_LAG_SECONDS, MAX_LAG_SECONDS / 2


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> ConcurrencyLimit:
    limit = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=5, clock=clock)
    limit.limit = MAXIMUM
    return limit


def begin(limit: ConcurrencyLimit, count: int) -> list[Work]:
    return [limit.begin(lambda: None) for _ in range(count)]


class TestLimit:
    def test_starts_with_the_initial_limit(self) -> None:
        assert ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=5).limit == INITIAL_LIMIT

    def test_fixed_limit_does_not_adapt_to_lag(self) -> None:
        limit = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=5, is_adaptive=False)
        begin(limit, MAXIMUM)

        for _ in range(10):
            limit.on_tick(LATE)

        assert limit.limit == MAXIMUM

    def test_has_capacity_until_the_limit_is_reached(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MAXIMUM - 1)

        assert limit.has_capacity(True)
        begin(limit, 1)
        assert not limit.has_capacity(True)

    def test_unknown_credentials_use_three_quarters_of_the_limit(
        self, limit: ConcurrencyLimit
    ) -> None:
        begin(limit, MAXIMUM * 3 // 4)

        assert limit.has_capacity(True)
        assert not limit.has_capacity(False)

    def test_limit_halves_after_two_late_ticks(self, limit: ConcurrencyLimit) -> None:
        begin(limit, 40)

        for _ in range(2):
            limit.on_tick(LATE)

        assert limit.limit == 20

    def test_limit_ignores_a_single_late_tick(self, limit: ConcurrencyLimit) -> None:
        begin(limit, 40)

        for lag_seconds in (LATE, PROMPT, LATE, PROMPT):
            limit.on_tick(lag_seconds)

        assert limit.limit == MAXIMUM

    def test_limit_does_not_fall_below_the_minimum(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MAXIMUM)

        for _ in range(50):
            limit.on_tick(LATE)

        assert limit.limit == MIN_LIMIT

    def test_limit_does_not_fall_with_few_requests_in_flight(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MIN_LIMIT)

        for _ in range(50):
            limit.on_tick(LATE)

        assert limit.limit == MAXIMUM

    def test_limit_rises_from_the_minimum_within_two_seconds(self, limit: ConcurrencyLimit) -> None:
        limit.limit = MIN_LIMIT

        for _ in range(40):
            begin(limit, round(limit.limit) - limit.in_flight)
            limit.on_tick(PROMPT)

        assert limit.limit == MAXIMUM

    def test_limit_does_not_rise_unless_it_is_reached(self, limit: ConcurrencyLimit) -> None:
        limit.limit = MIN_LIMIT
        begin(limit, MIN_LIMIT - 1)

        limit.on_tick(PROMPT)

        assert limit.limit == MIN_LIMIT


Enqueue = Callable[..., Awaitable[asyncio.Task[bool]]]
CLIENT, OTHER = ("192.0.2.1", b"one"), ("192.0.2.1", b"other")


class TestAdmissionQueue:
    @pytest.fixture
    async def enqueue(self, limit: ConcurrencyLimit) -> AsyncIterator[Enqueue]:
        async with asyncio.TaskGroup() as tasks:
            waiting = []

            async def enqueue(is_known: bool, client: Client = CLIENT) -> asyncio.Task[bool]:
                waiting.append(tasks.create_task(limit.wait(client, is_known=is_known)))
                await asyncio.sleep(0)  # The first step of the task joins the queue.
                return waiting[-1]

            yield enqueue
            for each in waiting:
                each.cancel()

    @pytest.fixture
    def full(self, limit: ConcurrencyLimit) -> list[Work]:
        limit.limit = MIN_LIMIT
        return begin(limit, MIN_LIMIT)

    async def test_admits_a_request_when_a_slot_is_released(
        self, limit: ConcurrencyLimit, full: list[Work], enqueue: Enqueue
    ) -> None:
        waiting = await enqueue(True)

        full[0].end()

        assert await waiting

    async def test_admits_no_more_requests_than_there_is_capacity_for(
        self, limit: ConcurrencyLimit, full: list[Work], enqueue: Enqueue
    ) -> None:
        first, second = [await enqueue(True) for _ in range(2)]

        full[0].end()

        assert not limit.has_capacity(True)
        assert await first
        begin(limit, 1)
        assert not second.done()
        full[1].end()
        assert await second

    async def test_admits_known_credentials_first(
        self, limit: ConcurrencyLimit, full: list[Work], enqueue: Enqueue
    ) -> None:
        unknown = await enqueue(False)
        known = await enqueue(True)

        full[0].end()

        assert await known
        assert not unknown.done()
        for work in full[1:]:
            work.end()
        assert await unknown

    async def test_skips_a_cancelled_request(
        self, limit: ConcurrencyLimit, full: list[Work], enqueue: Enqueue
    ) -> None:
        cancelled, following = [await enqueue(True) for _ in range(2)]
        cancelled.cancel()
        await asyncio.wait([cancelled])

        full[0].end()

        assert await following

    async def test_slot_of_a_request_cancelled_after_admission_is_released(
        self, limit: ConcurrencyLimit, full: list[Work], enqueue: Enqueue
    ) -> None:
        waiting = await enqueue(True)
        full[0].end()
        waiting.cancel()
        await asyncio.wait([waiting])

        assert limit.has_capacity(True)

    @pytest.mark.usefixtures("full")
    async def test_queues_a_burst(self, enqueue: Enqueue) -> None:
        waiting = [await enqueue(True) for _ in range(1000)]

        assert not any(each.done() for each in waiting)

    @pytest.mark.usefixtures("full")
    async def test_rejects_requests_whose_wait_would_be_too_long(self, enqueue: Enqueue) -> None:
        waiting = [await enqueue(True) for _ in range(3000)]

        rejected = [each for each in waiting if each.done()]

        assert 0 < len(rejected) < len(waiting)
        assert not any(each.result() for each in rejected)

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_client_is_served_before_the_many_requests_of_another(
        self, full: list[Work], enqueue: Enqueue, is_known: bool
    ) -> None:
        many = [await enqueue(is_known) for _ in range(3000)]
        one = await enqueue(is_known, OTHER)
        assert many[-1].done()  # Rejected: the queue is full for this client.

        for work in full:
            work.end()

        assert await one
        assert not all(each.done() for each in many)

    @pytest.mark.usefixtures("full")
    async def test_is_truncated_under_sustained_overload(
        self, limit: ConcurrencyLimit, clock: Clock, enqueue: Enqueue
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = [await enqueue(is_known) for is_known in (True, False) * 900]
        clock.now += 2 * OVERLOAD_AFTER_SECONDS
        await enqueue(False)  # Rejected, as others before.

        limit.on_tick(PROMPT)
        await asyncio.sleep(0)

        stay = [each for each in waiting if not each.done()]
        assert len(stay) == OVERLOAD_WAIT_SECONDS / INITIAL_INTERVAL_SECONDS
        assert stay == waiting[: 2 * len(stay) : 2]

    @pytest.mark.usefixtures("full")
    async def test_does_not_reject_while_the_event_loop_is_busy(
        self, clock: Clock, enqueue: Enqueue
    ) -> None:
        waiting = [await enqueue(True)]
        clock.now += 2 * BURST_WAIT_SECONDS  # The loop is busy with requests that arrive at once.

        waiting.append(await enqueue(True))

        assert not any(each.done() for each in waiting)

    @pytest.mark.usefixtures("full")
    async def test_rejects_requests_while_it_is_stalled(
        self, limit: ConcurrencyLimit, clock: Clock, enqueue: Enqueue
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = await enqueue(True)
        clock.now += 1.1 * BURST_WAIT_SECONDS

        limit.on_tick(PROMPT)

        assert not await limit.wait(CLIENT, is_known=True)
        assert not waiting.done()

    @pytest.mark.usefixtures("full")
    async def test_rejects_a_request_after_the_queue_timeout(
        self, limit: ConcurrencyLimit, clock: Clock, enqueue: Enqueue
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = await enqueue(True)
        clock.now += 1.1 * QUEUE_TIMEOUT_SECONDS

        limit.on_tick(PROMPT)

        assert not await waiting


class TestWork:
    def test_is_released_once(self, limit: ConcurrencyLimit) -> None:
        [work] = begin(limit, 1)

        work.end()
        work.end()

        assert limit.in_flight == 0

    def test_work_is_not_counted_while_it_waits(self, limit: ConcurrencyLimit) -> None:
        [work] = begin(limit, 1)

        with work.uncounted():
            assert limit.in_flight == 0
        with work.waiting_for_client():
            assert limit.in_flight == 0
        assert limit.in_flight == 1

    def test_is_expired_once(self) -> None:
        limit, expired = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=0), []
        limit.begin(lambda: expired.append(1))

        limit.on_tick(PROMPT)
        limit.on_tick(PROMPT)

        assert expired == [1]

    @pytest.mark.parametrize("how", ["end", "stop_clock"])
    def test_without_a_deadline_is_not_expired(self, how: str) -> None:
        limit, expired = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=0), []
        work = limit.begin(lambda: expired.append(1))

        getattr(work, how)()
        with work.waiting_for_client():
            limit.on_tick(PROMPT)
        limit.on_tick(PROMPT)

        assert expired == []
