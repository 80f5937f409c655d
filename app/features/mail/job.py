"""The base of jobs that send a mail."""

from typing import ClassVar

from app.features.mail.lifespan import MailResources
from app.features.mail.sender import MailSender
from app.jobs.job import Job, Work


class MailJob(Job):
    """Outlasts a mail server that is away for half an hour: 2 s, 24 s, 5 minutes, an hour."""

    growth: ClassVar[float] = 12

    def mail(self, work: Work) -> MailSender:
        return work.resources[MailResources].sender
