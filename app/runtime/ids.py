"""Identifiers ordered by time."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.

    Rows created in sequence are adjacent in the index of the primary key.
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10))
    high = (milliseconds << 16) | 0x7000 | (random_bits >> 68)
    low = (0b10 << 62) | (random_bits & (2**62 - 1))
    return uuid.UUID(int=(high << 64) | low)
