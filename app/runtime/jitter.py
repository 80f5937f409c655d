"""Jitter: random delays, so that clients that failed together do not retry together."""

import random


def jitter(shortest: float, longest: float) -> float:
    """Return a uniformly distributed number between the two, both included."""
    return random.uniform(shortest, longest)  # noqa: S311  (not a secret)
