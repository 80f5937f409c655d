"""Base class of jobs that send a mail."""

from typing import ClassVar

from app.features.background_jobs.job import Job, JobContext
from app.features.mail.lifespan import MailResources
from app.features.mail.sender import MailSender


class MailJob(Job):
    """Retries after 2 s, 24 s, 5 min and 1 h: survives a mail server outage of half an hour."""

    growth: ClassVar[float] = 12

    def mail(self, context: JobContext) -> MailSender:
        return context.resources[MailResources].sender
