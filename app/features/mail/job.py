"""What jobs that send a mail have in common."""

from typing import ClassVar

from app.jobs.job import Job


class MailJob(Job):
    """Outlasts a mail server that is away for half an hour: 2 s, 24 s, 5 minutes, an hour."""

    growth: ClassVar[float] = 12
