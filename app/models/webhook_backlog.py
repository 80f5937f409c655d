"""Webhook backlogs: events that are not queued yet, because too many deliveries wait.

A backlog is a position in the events and no copy of them: see docs/adr/0029.
"""

from dataclasses import dataclass
from datetime import timedelta

from app.core.errors import Conflict

# Together with the retries of a delivery this is shorter than events are kept.
BACKLOG_KEPT = timedelta(days=3)


class TooManyDeliveriesWaiting(Conflict):
    code = "too_many_deliveries_waiting"
    title = "Too many deliveries are waiting"
    remedy = "Wait until the receiver has accepted what is queued, or repair the receiver."


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many deliveries may wait for one webhook, and for all webhooks of one account."""

    per_webhook: int
    per_account: int

    def room(self, waiting: int, waiting_for_account: int) -> int:
        """How many more may be queued for the webhook."""
        room = min(self.per_webhook - waiting, self.per_account - waiting_for_account)
        return max(room, 0)

    def has_drained(self, waiting: int, waiting_for_account: int) -> bool:
        """Whether a backlog may be queued: half is free, so that it does not end at each one."""
        return self.room(waiting, waiting_for_account) * 2 >= min(
            self.per_webhook, self.per_account
        )
