"""Identifiers: UUIDs of version 7, in the order of their time."""

import time
import uuid

from app.runtime.ids import uuid7

MANY = 10_000


class TestUuid7:
    def test_has_version_and_variant_of_the_rfc(self) -> None:
        made = uuid7()

        assert made.version == 7
        assert made.variant == uuid.RFC_4122

    def test_begins_with_the_time(self) -> None:
        before = time.time_ns() // 1_000_000
        milliseconds = uuid7().int >> 80
        after = time.time_ns() // 1_000_000

        assert before <= milliseconds <= after

    def test_later_ones_sort_behind(self) -> None:
        first = uuid7()
        while time.time_ns() // 1_000_000 <= first.int >> 80:
            pass

        assert first < uuid7()

    def test_no_two_are_the_same(self) -> None:
        assert len({uuid7() for _ in range(MANY)}) == MANY

    def test_every_random_bit_varies(self) -> None:
        ones, zeros = 0, 0
        for _ in range(200):
            ones, zeros = ones | uuid7().int, zeros | ~uuid7().int

        random_bits = (0xFFF << 64) | (2**62 - 1)
        assert ones & zeros & random_bits == random_bits
