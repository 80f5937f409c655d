"""Chance in waiting, so that those who failed together do not all come back together."""

import random


def jitter(shortest: float, longest: float) -> float:
    """A number between the two, both included; any is as likely as any other."""
    return random.uniform(shortest, longest)  # noqa: S311  (nobody gains by guessing it)
