"""States of a delivery after an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from app.features.webhooks.models.delivery import (
    DELAYS,
    DeliveryInProgress,
    DeliveryStatus,
    Outcome,
    WebhookDelivery,
    pause_after,
)
from tests.factories import make_user
from tests.features.webhooks.factories import make_delivery, make_webhook

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


def delivery(**fields: object) -> WebhookDelivery:
    given = {"status": DeliveryStatus.SENDING, "attempts": 1}
    return make_delivery(make_webhook(make_user()), **given | fields)


class TestRecord:
    @pytest.mark.parametrize("status", [200, 204, 299])
    def test_success_is_recorded(self, status: int) -> None:
        row = delivery()

        row.record(Outcome(12, status), at=NOON)

        assert (row.status, row.next_attempt_at) == (DeliveryStatus.SUCCEEDED, None)
        assert (row.response_status, row.duration_ms, row.last_attempt_at) == (status, 12, NOON)

    @pytest.mark.parametrize(
        "outcome", [Outcome(1, 199), Outcome(1, 300), Outcome(1, error="upstream_timeout")]
    )
    def test_failure_is_retried(self, outcome: Outcome) -> None:
        row = delivery()

        row.record(outcome, at=NOON)

        assert (row.status, row.error) == (DeliveryStatus.PENDING, outcome.error)
        assert row.next_attempt_at is not None
        assert NOON < row.next_attempt_at <= NOON + DELAYS[0]

    def test_last_failure_is_final(self) -> None:
        row = delivery(attempts=len(DELAYS) + 1)

        row.record(Outcome(1, 500), at=NOON)

        assert (row.status, row.next_attempt_at) == (DeliveryStatus.FAILED, None)


class TestBackoff:
    def test_retries_are_within_three_days(self) -> None:
        pauses = [pause_after(attempt) for attempt in range(1, len(DELAYS) + 1)]

        assert timedelta(hours=48) < sum(pauses, timedelta()) <= timedelta(hours=72)
        assert sum(DELAYS, timedelta()) <= timedelta(hours=72)

    def test_backoff_has_jitter(self) -> None:
        assert len({pause_after(3) for _ in range(20)}) > 1


class TestRedeliver:
    @pytest.mark.parametrize("status", sorted(set(DeliveryStatus) - {DeliveryStatus.SENDING}))
    def test_is_due_at_once(self, status: DeliveryStatus) -> None:
        row = delivery(status=status)

        row.redeliver(at=NOON)

        assert (row.status, row.next_attempt_at) == (DeliveryStatus.PENDING, NOON)

    def test_delivery_in_progress_cannot_be_redelivered(self) -> None:
        with pytest.raises(DeliveryInProgress):
            delivery().redeliver(at=NOON)
