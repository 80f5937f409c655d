"""Webhook backlogs: events that are not queued yet, because too many deliveries wait.

A backlog is a position in the events and no copy of them: see docs/adr/0029.
"""

from datetime import timedelta

# Together with the retries of a delivery this is shorter than events are kept.
BACKLOG_KEPT = timedelta(days=3)
