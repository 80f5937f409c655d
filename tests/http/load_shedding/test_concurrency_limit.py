"""The limit on work follows how late it gets done."""

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
    def test_starts_with_a_few(self) -> None:
        assert ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=5).limit == INITIAL_LIMIT

    def test_fixed_limit_stays_however_late_it_is(self) -> None:
        limit = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=5, is_adaptive=False)
        begin(limit, MAXIMUM)

        for _ in range(10):
            limit.on_tick(LATE)

        assert limit.limit == MAXIMUM

    def test_is_where_room_ends(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MAXIMUM - 1)

        assert limit.has_capacity(True)
        begin(limit, 1)
        assert not limit.has_capacity(True)

    def test_strangers_get_three_quarters(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MAXIMUM * 3 // 4)

        assert limit.has_capacity(True)
        assert not limit.has_capacity(False)

    def test_falls_below_what_was_too_much(self, limit: ConcurrencyLimit) -> None:
        begin(limit, 40)

        for _ in range(2):
            limit.on_tick(LATE)

        assert limit.limit == 20

    def test_one_late_beat_is_a_hiccup(self, limit: ConcurrencyLimit) -> None:
        begin(limit, 40)

        for late_seconds in (LATE, PROMPT, LATE, PROMPT):
            limit.on_tick(late_seconds)

        assert limit.limit == MAXIMUM

    def test_has_a_floor(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MAXIMUM)

        for _ in range(50):
            limit.on_tick(LATE)

        assert limit.limit == MIN_LIMIT

    def test_does_not_fall_while_there_is_little_to_do(self, limit: ConcurrencyLimit) -> None:
        begin(limit, MIN_LIMIT)

        for _ in range(50):
            limit.on_tick(LATE)

        assert limit.limit == MAXIMUM

    def test_rises_from_the_floor_within_two_seconds(self, limit: ConcurrencyLimit) -> None:
        limit.limit = MIN_LIMIT

        for _ in range(40):
            begin(limit, round(limit.limit) - limit.in_flight)
            limit.on_tick(PROMPT)

        assert limit.limit == MAXIMUM

    def test_does_not_rise_while_it_is_not_reached(self, limit: ConcurrencyLimit) -> None:
        limit.limit = MIN_LIMIT
        begin(limit, MIN_LIMIT - 1)

        limit.on_tick(PROMPT)

        assert limit.limit == MIN_LIMIT


LineUp = Callable[..., Awaitable[asyncio.Task[bool]]]
CLIENT, OTHER = ("192.0.2.1", b"one"), ("192.0.2.1", b"other")


class TestLine:
    @pytest.fixture
    async def line_up(self, limit: ConcurrencyLimit) -> AsyncIterator[LineUp]:
        async with asyncio.TaskGroup() as tasks:
            waiting = []

            async def line_up(is_known: bool, client: Client = CLIENT) -> asyncio.Task[bool]:
                waiting.append(tasks.create_task(limit.wait(client, is_known=is_known)))
                await asyncio.sleep(0)  # Its first step takes it into the line.
                return waiting[-1]

            yield line_up
            for each in waiting:
                each.cancel()

    @pytest.fixture
    def full(self, limit: ConcurrencyLimit) -> list[Work]:
        limit.limit = MIN_LIMIT
        return begin(limit, MIN_LIMIT)

    async def test_is_left_when_there_is_room(
        self, limit: ConcurrencyLimit, full: list[Work], line_up: LineUp
    ) -> None:
        waiting = await line_up(True)

        full[0].end()

        assert await waiting

    async def test_lets_in_no_more_than_there_is_room_for(
        self, limit: ConcurrencyLimit, full: list[Work], line_up: LineUp
    ) -> None:
        first, second = [await line_up(True) for _ in range(2)]

        full[0].end()

        assert not limit.has_capacity(True)
        assert await first
        begin(limit, 1)
        assert not second.done()
        full[1].end()
        assert await second

    async def test_callers_who_are_known_come_first(
        self, limit: ConcurrencyLimit, full: list[Work], line_up: LineUp
    ) -> None:
        stranger = await line_up(False)
        known = await line_up(True)

        full[0].end()

        assert await known
        assert not stranger.done()
        for work in full[1:]:
            work.end()
        assert await stranger

    async def test_whoever_left_it_takes_no_place(
        self, limit: ConcurrencyLimit, full: list[Work], line_up: LineUp
    ) -> None:
        gone, next_one = [await line_up(True) for _ in range(2)]
        gone.cancel()
        await asyncio.wait([gone])

        full[0].end()

        assert await next_one

    async def test_place_of_who_leaves_at_the_last_moment_is_not_lost(
        self, limit: ConcurrencyLimit, full: list[Work], line_up: LineUp
    ) -> None:
        waiting = await line_up(True)
        full[0].end()
        waiting.cancel()
        await asyncio.wait([waiting])

        assert limit.has_capacity(True)

    @pytest.mark.usefixtures("full")
    async def test_takes_a_burst(self, line_up: LineUp) -> None:
        waiting = [await line_up(True) for _ in range(1000)]

        assert not any(each.done() for each in waiting)

    @pytest.mark.usefixtures("full")
    async def test_is_refused_when_it_is_long(self, line_up: LineUp) -> None:
        waiting = [await line_up(True) for _ in range(3000)]

        refused = [each for each in waiting if each.done()]

        assert 0 < len(refused) < len(waiting)
        assert not any(each.result() for each in refused)

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_client_is_served_before_the_many_requests_of_another(
        self, full: list[Work], line_up: LineUp, is_known: bool
    ) -> None:
        many = [await line_up(is_known) for _ in range(3000)]
        one = await line_up(is_known, OTHER)
        assert many[-1].done()  # Refused: the queue is full for this client.

        for work in full:
            work.end()

        assert await one
        assert not all(each.done() for each in many)

    @pytest.mark.usefixtures("full")
    async def test_is_cut_short_in_a_flood(
        self, limit: ConcurrencyLimit, clock: Clock, line_up: LineUp
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = [await line_up(is_known) for is_known in (True, False) * 900]
        clock.now += 2 * OVERLOAD_AFTER_SECONDS
        await line_up(False)  # Refused, as many have been all the time.

        limit.on_tick(PROMPT)
        await asyncio.sleep(0)

        stay = [each for each in waiting if not each.done()]
        assert len(stay) == OVERLOAD_WAIT_SECONDS / INITIAL_INTERVAL_SECONDS
        assert stay == waiting[: 2 * len(stay) : 2]

    @pytest.mark.usefixtures("full")
    async def test_is_not_refused_while_nobody_could_get_on(
        self, clock: Clock, line_up: LineUp
    ) -> None:
        waiting = [await line_up(True)]
        clock.now += 2 * BURST_WAIT_SECONDS  # The loop is busy with those who come at once.

        waiting.append(await line_up(True))

        assert not any(each.done() for each in waiting)

    @pytest.mark.usefixtures("full")
    async def test_is_refused_when_it_stands_still(
        self, limit: ConcurrencyLimit, clock: Clock, line_up: LineUp
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = await line_up(True)
        clock.now += 1.1 * BURST_WAIT_SECONDS

        limit.on_tick(PROMPT)

        assert not await limit.wait(CLIENT, is_known=True)
        assert not waiting.done()

    @pytest.mark.usefixtures("full")
    async def test_ends_in_a_refusal_after_a_while(
        self, limit: ConcurrencyLimit, clock: Clock, line_up: LineUp
    ) -> None:
        limit.maximum = MIN_LIMIT
        waiting = await line_up(True)
        clock.now += 1.1 * QUEUE_TIMEOUT_SECONDS

        limit.on_tick(PROMPT)

        assert not await waiting


class TestWork:
    def test_ends_once(self, limit: ConcurrencyLimit) -> None:
        [work] = begin(limit, 1)

        work.end()
        work.end()

        assert limit.in_flight == 0

    def test_is_not_counted_while_it_waits(self, limit: ConcurrencyLimit) -> None:
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
    def test_without_a_clock_is_not_expired(self, how: str) -> None:
        limit, expired = ConcurrencyLimit(maximum=MAXIMUM, timeout_seconds=0), []
        work = limit.begin(lambda: expired.append(1))

        getattr(work, how)()
        with work.waiting_for_client():
            limit.on_tick(PROMPT)
        limit.on_tick(PROMPT)

        assert expired == []
