"""Job that sends a mail."""

from app.features.background_jobs.declarations import BackgroundJobs
from app.features.mail.send_notification import SendNotification

extension = BackgroundJobs(jobs=(SendNotification,))
