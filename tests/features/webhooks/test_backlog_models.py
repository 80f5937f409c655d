"""Limits on the deliveries that wait for a webhook, and on the age of its backlog."""

from datetime import timedelta

import pytest

from app.features.events.models.event import RETENTION
from app.features.webhooks.models.backlog import BACKLOG_RETENTION
from app.features.webhooks.models.delivery import DELAYS
from app.features.webhooks.models.queue import QueueLimits

LIMITS = QueueLimits(per_webhook=10, per_account=15)


class TestQueueLimits:
    @pytest.mark.parametrize(
        ("waiting", "for_account", "capacity"),
        [(0, 0, 10), (4, 4, 6), (0, 12, 3), (10, 10, 0), (12, 12, 0), (0, 20, 0)],
    )
    def test_capacity_is_the_smaller_of_both_limits(
        self, waiting: int, for_account: int, capacity: int
    ) -> None:
        assert LIMITS.capacity(waiting, for_account) == capacity

    @pytest.mark.parametrize(("waiting", "has_drained"), [(5, True), (6, False)])
    def test_backlog_ends_when_half_is_free(self, waiting: int, has_drained: bool) -> None:
        assert LIMITS.has_drained(waiting, waiting) == has_drained


def test_events_outlive_backlogs_and_the_retries_after_them() -> None:
    assert BACKLOG_RETENTION + sum(DELAYS, timedelta()) < RETENTION
