"""Limits of the queue of webhook deliveries."""

from dataclasses import dataclass
from typing import Self

from app.errors import Conflict
from app.features.webhooks.settings import WebhookSettings


class TooManyDeliveriesWaiting(Conflict):
    code = "too_many_deliveries_waiting"
    title = "Too many deliveries are waiting"
    remedy = "Wait until the receiver has accepted what is queued, or repair the receiver."


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits on the open deliveries of one webhook, and of all webhooks of one account."""

    per_webhook: int
    per_account: int

    @classmethod
    def of(cls, settings: WebhookSettings) -> Self:
        return cls(settings.webhook_max_waiting, settings.webhook_max_waiting_per_user)

    def capacity(self, waiting: int, waiting_for_account: int) -> int:
        """Return how many further deliveries may be queued for the webhook."""
        capacity = min(self.per_webhook - waiting, self.per_account - waiting_for_account)
        return max(capacity, 0)

    def has_drained(self, waiting: int, waiting_for_account: int) -> bool:
        """Return whether half of the limit is free, so that a backlog is queued in large parts."""
        return self.capacity(waiting, waiting_for_account) * 2 >= min(
            self.per_webhook, self.per_account
        )
