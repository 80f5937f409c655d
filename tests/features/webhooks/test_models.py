"""States and secrets of webhooks."""

from datetime import UTC, datetime, timedelta

import pytest

from app.features.webhooks.models.webhook import WebhookDisabled, receiving_scopes
from tests.factories import make_user
from tests.features.webhooks.factories import make_webhook
from tests.scopes import SCOPES

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


class TestAutomaticDisabling:
    @pytest.mark.parametrize(("days", "has_failed_too_long"), [(5, True), (4.99, False)])
    def test_webhook_is_disabled_after_five_days_of_failure(
        self, days: float, has_failed_too_long: bool
    ) -> None:
        webhook = make_webhook(make_user(), failing_since=NOON - timedelta(days=days))

        assert webhook.has_failed_too_long(at=NOON) == has_failed_too_long

    def test_working_webhook_is_never_disabled(self) -> None:
        assert not make_webhook(make_user(), failing_since=None).has_failed_too_long(at=NOON)

    def test_enabling_resets_the_failure_time(self) -> None:
        webhook = make_webhook(make_user(), is_active=False, failing_since=NOON)

        webhook.enable()

        assert (webhook.is_active, webhook.failing_since) == (True, None)
        webhook.check_active()

    def test_disabled_webhook_gets_no_messages(self) -> None:
        with pytest.raises(WebhookDisabled):
            make_webhook(make_user(), is_active=False).check_active()


class TestRotate:
    def test_keeps_the_old_secret_for_a_day(self) -> None:
        webhook = make_webhook(make_user(), secret_encrypted=b"old")

        until = webhook.rotate(b"new", at=NOON)

        assert (webhook.secret_encrypted, webhook.old_secret_encrypted) == (b"new", b"old")
        assert until == webhook.overlap_until == NOON + timedelta(hours=24)


class TestReceivingScopes:
    def test_scopes_are_the_read_scopes_and_that_of_administrators(self) -> None:
        receiving = receiving_scopes(set(SCOPES))

        assert {"admin", "items:read"} <= {*receiving}
        assert all(scope == "admin" or scope.endswith(":read") for scope in receiving)
        assert receiving_scopes({"webhooks:manage"}) == []
