"""Job of items."""

from app.features.background_jobs.declarations import BackgroundJobs
from app.features.items.jobs import ProcessItem

extension = BackgroundJobs(jobs=(ProcessItem,))
