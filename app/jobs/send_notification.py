"""Tell somebody what an administrator wrote, by mail and in the list of notifications."""

from typing import ClassVar

from app.crud import notifications, users
from app.integrations.mail import Template
from app.jobs.mail_job import MailJob
from app.jobs.queue import Work


class SendNotification(MailJob):
    """The address need not have an account: then it is a mail and nothing else."""

    kind: ClassVar[str] = "send_notification"

    email: str
    subject: str
    message: str

    async def run(self, work: Work) -> None:
        values = {"subject": self.subject, "message": self.message}
        await work.resources.mail.send(Template.NOTIFICATION, self.email, work.task_id, values)
        async with work.completion() as session:
            user = await users.find_by_email(session, self.email)
            if user:
                await notifications.create(session, user.id, **values)
