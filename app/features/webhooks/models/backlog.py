"""Webhook backlogs: events that are not queued yet, because too many deliveries wait.

A backlog is a position in the events, not a copy of them: see docs/adr/0029.
"""

from datetime import timedelta

# With the retries of a delivery, shorter than the retention of events.
BACKLOG_RETENTION = timedelta(days=3)
