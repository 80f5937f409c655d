"""The limit on work follows how late it gets done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.http.load_shedding.admission_queue import (
    BURST_SECONDS,
    FIRST_GUESS_SECONDS,
    FLOOD_AFTER_SECONDS,
    FLOOD_SECONDS,
    PATIENCE_SECONDS,
)
from app.http.load_shedding.concurrency_limit import FIRST, LATE_SECONDS, LEAST, Load, Work
from app.http.load_shedding.fair_queue import Client

MOST = 100
LATE, PROMPT = 2 * LATE_SECONDS, LATE_SECONDS / 2


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
def load(clock: Clock) -> Load:
    load = Load(most=MOST, timeout_seconds=5, clock=clock)
    load.limit = MOST
    return load


def begin(load: Load, count: int) -> list[Work]:
    return [load.begin(lambda: None) for _ in range(count)]


class TestLimit:
    def test_starts_with_a_few(self) -> None:
        assert Load(most=MOST, timeout_seconds=5).limit == FIRST

    def test_fixed_limit_stays_however_late_it_is(self) -> None:
        load = Load(most=MOST, timeout_seconds=5, is_adaptive=False)
        begin(load, MOST)

        for _ in range(10):
            load.on_tick(LATE)

        assert load.limit == MOST

    def test_is_where_room_ends(self, load: Load) -> None:
        begin(load, MOST - 1)

        assert load.has_room(True)
        begin(load, 1)
        assert not load.has_room(True)

    def test_strangers_get_three_quarters(self, load: Load) -> None:
        begin(load, MOST * 3 // 4)

        assert load.has_room(True)
        assert not load.has_room(False)

    def test_falls_below_what_was_too_much(self, load: Load) -> None:
        begin(load, 40)

        for _ in range(2):
            load.on_tick(LATE)

        assert load.limit == 20

    def test_one_late_beat_is_a_hiccup(self, load: Load) -> None:
        begin(load, 40)

        for late_seconds in (LATE, PROMPT, LATE, PROMPT):
            load.on_tick(late_seconds)

        assert load.limit == MOST

    def test_has_a_floor(self, load: Load) -> None:
        begin(load, MOST)

        for _ in range(50):
            load.on_tick(LATE)

        assert load.limit == LEAST

    def test_does_not_fall_while_there_is_little_to_do(self, load: Load) -> None:
        begin(load, LEAST)

        for _ in range(50):
            load.on_tick(LATE)

        assert load.limit == MOST

    def test_rises_from_the_floor_within_two_seconds(self, load: Load) -> None:
        load.limit = LEAST

        for _ in range(40):
            begin(load, round(load.limit) - load.in_flight)
            load.on_tick(PROMPT)

        assert load.limit == MOST

    def test_does_not_rise_while_it_is_not_reached(self, load: Load) -> None:
        load.limit = LEAST
        begin(load, LEAST - 1)

        load.on_tick(PROMPT)

        assert load.limit == LEAST


LineUp = Callable[..., Awaitable[asyncio.Task[bool]]]
CLIENT, OTHER = ("192.0.2.1", b"one"), ("192.0.2.1", b"other")


class TestLine:
    @pytest.fixture
    async def line_up(self, load: Load) -> AsyncIterator[LineUp]:
        async with asyncio.TaskGroup() as tasks:
            waiting = []

            async def line_up(is_known: bool, client: Client = CLIENT) -> asyncio.Task[bool]:
                waiting.append(tasks.create_task(load.wait(client, is_known=is_known)))
                await asyncio.sleep(0)  # Its first step takes it into the line.
                return waiting[-1]

            yield line_up
            for each in waiting:
                each.cancel()

    @pytest.fixture
    def full(self, load: Load) -> list[Work]:
        load.limit = LEAST
        return begin(load, LEAST)

    async def test_is_left_when_there_is_room(
        self, load: Load, full: list[Work], line_up: LineUp
    ) -> None:
        waiting = await line_up(True)

        full[0].end()

        assert await waiting

    async def test_lets_in_no_more_than_there_is_room_for(
        self, load: Load, full: list[Work], line_up: LineUp
    ) -> None:
        first, second = [await line_up(True) for _ in range(2)]

        full[0].end()

        assert not load.has_room(True)
        assert await first
        begin(load, 1)
        assert not second.done()
        full[1].end()
        assert await second

    async def test_callers_who_are_known_come_first(
        self, load: Load, full: list[Work], line_up: LineUp
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
        self, load: Load, full: list[Work], line_up: LineUp
    ) -> None:
        gone, next_one = [await line_up(True) for _ in range(2)]
        gone.cancel()
        await asyncio.wait([gone])

        full[0].end()

        assert await next_one

    async def test_place_of_who_leaves_at_the_last_moment_is_not_lost(
        self, load: Load, full: list[Work], line_up: LineUp
    ) -> None:
        waiting = await line_up(True)
        full[0].end()
        waiting.cancel()
        await asyncio.wait([waiting])

        assert load.has_room(True)

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
    async def test_is_cut_short_in_a_flood(self, load: Load, clock: Clock, line_up: LineUp) -> None:
        load.most = LEAST
        waiting = [await line_up(is_known) for is_known in (True, False) * 900]
        clock.now += 2 * FLOOD_AFTER_SECONDS
        await line_up(False)  # Refused, as many have been all the time.

        load.on_tick(PROMPT)
        await asyncio.sleep(0)

        stay = [each for each in waiting if not each.done()]
        assert len(stay) == FLOOD_SECONDS / FIRST_GUESS_SECONDS
        assert stay == waiting[: 2 * len(stay) : 2]

    @pytest.mark.usefixtures("full")
    async def test_is_not_refused_while_nobody_could_get_on(
        self, clock: Clock, line_up: LineUp
    ) -> None:
        waiting = [await line_up(True)]
        clock.now += 2 * BURST_SECONDS  # The loop is busy with those who come at once.

        waiting.append(await line_up(True))

        assert not any(each.done() for each in waiting)

    @pytest.mark.usefixtures("full")
    async def test_is_refused_when_it_stands_still(
        self, load: Load, clock: Clock, line_up: LineUp
    ) -> None:
        load.most = LEAST
        waiting = await line_up(True)
        clock.now += 1.1 * BURST_SECONDS

        load.on_tick(PROMPT)

        assert not await load.wait(CLIENT, is_known=True)
        assert not waiting.done()

    @pytest.mark.usefixtures("full")
    async def test_ends_in_a_refusal_after_a_while(
        self, load: Load, clock: Clock, line_up: LineUp
    ) -> None:
        load.most = LEAST
        waiting = await line_up(True)
        clock.now += 1.1 * PATIENCE_SECONDS

        load.on_tick(PROMPT)

        assert not await waiting


class TestWork:
    def test_ends_once(self, load: Load) -> None:
        [work] = begin(load, 1)

        work.end()
        work.end()

        assert load.in_flight == 0

    def test_is_not_counted_while_it_waits(self, load: Load) -> None:
        [work] = begin(load, 1)

        with work.in_line():
            assert load.in_flight == 0
        with work.for_client():
            assert load.in_flight == 0
        assert load.in_flight == 1

    def test_is_expired_once(self) -> None:
        load, expired = Load(most=MOST, timeout_seconds=0), []
        load.begin(lambda: expired.append(1))

        load.on_tick(PROMPT)
        load.on_tick(PROMPT)

        assert expired == [1]

    @pytest.mark.parametrize("how", ["end", "stop_clock"])
    def test_without_a_clock_is_not_expired(self, how: str) -> None:
        load, expired = Load(most=MOST, timeout_seconds=0), []
        work = load.begin(lambda: expired.append(1))

        getattr(work, how)()
        with work.for_client():
            load.on_tick(PROMPT)
        load.on_tick(PROMPT)

        assert expired == []
