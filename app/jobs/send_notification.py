"""Mail what an administrator wrote."""

from typing import ClassVar

from app.integrations.mail import Template
from app.jobs.mail_job import MailJob
from app.jobs.queue import Work


class SendNotification(MailJob):
    """The address need not have an account."""

    kind: ClassVar[str] = "send_notification"

    email: str
    subject: str
    message: str

    async def run(self, work: Work) -> None:
        values = {"subject": self.subject, "message": self.message}
        await work.resources.mail.send(Template.NOTIFICATION, self.email, work.task_id, values)
