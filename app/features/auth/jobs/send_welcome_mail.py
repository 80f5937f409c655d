"""Job: mail a welcome message to a new user."""

import uuid
from typing import ClassVar

from app.features.background_jobs.job import JobContext, PermanentFailure
from app.features.mail.job import MailJob
from app.features.mail.sender import Template
from app.features.users.crud import users


class SendWelcomeMail(MailJob):
    kind: ClassVar[str] = "send_welcome_mail"

    user_id: uuid.UUID

    async def run(self, context: JobContext) -> None:
        with PermanentFailure.if_not_found("The account was deleted."):
            user = await users.get(context.reads, self.user_id)
        # Not the full name: the address is unconfirmed, so a caller who registers another user's
        # address could send arbitrary text in our name.
        values = {"name": user["username"]}
        await self.mail(context).send(Template.WELCOME, user["email"], context.task_id, values)
