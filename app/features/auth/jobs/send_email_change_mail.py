"""Job: mail the link that confirms a new e-mail address."""

import uuid
from typing import ClassVar

from app.features.auth.crud import email_changes
from app.features.background_jobs.job import JobContext
from app.features.mail.job import MailJob
from app.features.mail.sender import Template


class SendEmailChangeMail(MailJob):
    """Sends to the new address, whether or not another account has it.

    The response to the request never reveals that; only the owner of the mailbox learns it.
    """

    kind: ClassVar[str] = "send_email_change_mail"

    change_id: uuid.UUID

    async def run(self, context: JobContext) -> None:
        async with context.units_of_work.begin() as uow:
            issued = await email_changes.issue_token(uow, self.change_id)
        if issued is None:
            return
        email, token = issued
        values = {"link": self.mail(context).link("verify-email", token)}
        await self.mail(context).send(Template.CHANGE_EMAIL, email, context.task_id, values)
