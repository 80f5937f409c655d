"""Limits on the deliveries that wait for a webhook, and on the age of its backlog."""

from datetime import timedelta

import pytest

from app.models.event import RETENTION
from app.models.webhook_backlog import BACKLOG_KEPT
from app.models.webhook_delivery import DELAYS
from app.models.webhook_queue import QueueLimits

LIMITS = QueueLimits(per_webhook=10, per_account=15)


class TestQueueLimits:
    @pytest.mark.parametrize(
        ("waiting", "for_account", "room"),
        [(0, 0, 10), (4, 4, 6), (0, 12, 3), (10, 10, 0), (12, 12, 0), (0, 20, 0)],
    )
    def test_room_is_what_both_limits_leave(
        self, waiting: int, for_account: int, room: int
    ) -> None:
        assert LIMITS.room(waiting, for_account) == room

    @pytest.mark.parametrize(("waiting", "has_drained"), [(5, True), (6, False)])
    def test_backlog_ends_when_half_is_free(self, waiting: int, has_drained: bool) -> None:
        assert LIMITS.has_drained(waiting, waiting) == has_drained


def test_events_outlive_backlogs_and_the_retries_after_them() -> None:
    assert BACKLOG_KEPT + sum(DELAYS, timedelta()) < RETENTION
