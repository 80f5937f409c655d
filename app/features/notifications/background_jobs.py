"""Job that notifies administrators."""

from app.features.background_jobs.declarations import BackgroundJobs
from app.features.notifications.jobs import NotifyAdmins

extension = BackgroundJobs(jobs=(NotifyAdmins,))
