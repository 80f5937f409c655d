"""The limit on work follows how late it gets done."""

import pytest

from app.core.load import LEAST, Load, Work

MOST = 100
LATE, PROMPT = 0.1, 0.001


@pytest.fixture
def load() -> Load:
    return Load(most=MOST, timeout_seconds=5)


def begin(load: Load, count: int) -> list[Work]:
    return [load.begin(lambda: None) for _ in range(count)]


class TestLimit:
    def test_starts_with_all(self, load: Load) -> None:
        begin(load, MOST - 1)

        assert load.admits(is_known=True)
        begin(load, 1)
        assert not load.admits(is_known=True)

    def test_strangers_get_three_quarters(self, load: Load) -> None:
        begin(load, MOST * 3 // 4)

        assert load.admits(is_known=True)
        assert not load.admits(is_known=False)

    def test_falls_below_what_was_too_much(self, load: Load) -> None:
        begin(load, 40)

        for _ in range(2):
            load.beat(LATE)

        assert load.limit == 20

    def test_one_late_beat_is_a_hiccup(self, load: Load) -> None:
        begin(load, 40)

        for late_seconds in (LATE, PROMPT, LATE, PROMPT):
            load.beat(late_seconds)

        assert load.limit == MOST

    def test_has_a_floor(self, load: Load) -> None:
        begin(load, MOST)

        for _ in range(50):
            load.beat(LATE)

        assert load.limit == LEAST

    def test_does_not_fall_while_there_is_little_to_do(self, load: Load) -> None:
        begin(load, LEAST)

        for _ in range(50):
            load.beat(LATE)

        assert load.limit == MOST

    def test_rises_again_within_two_seconds(self, load: Load) -> None:
        load.limit = LEAST

        for _ in range(40):
            load.beat(PROMPT)

        assert load.limit == MOST


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

        load.beat(PROMPT)
        load.beat(PROMPT)

        assert expired == [1]

    @pytest.mark.parametrize("how", ["end", "stop_clock"])
    def test_without_a_clock_is_not_expired(self, how: str) -> None:
        load, expired = Load(most=MOST, timeout_seconds=0), []
        work = load.begin(lambda: expired.append(1))

        getattr(work, how)()
        with work.for_client():
            load.beat(PROMPT)
        load.beat(PROMPT)

        assert expired == []
