"""Job: mail a message to an address."""

from typing import ClassVar

from app.features.background_jobs.job import JobContext
from app.features.mail.job import MailJob
from app.features.mail.sender import Template


class SendNotification(MailJob):
    """Sends a message to any address, with or without an account."""

    kind: ClassVar[str] = "send_notification"

    email: str
    subject: str
    message: str

    async def run(self, context: JobContext) -> None:
        values = {"subject": self.subject, "message": self.message}
        await self.mail(context).send(Template.NOTIFICATION, self.email, context.task_id, values)
