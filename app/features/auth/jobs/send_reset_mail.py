"""Job: mail the link that sets a new password."""

from typing import ClassVar

from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.job import JobContext
from app.features.mail.job import MailJob
from app.features.mail.sender import Template
from app.features.users.crud import users


class SendResetMail(MailJob):
    """Looks up the account of the requested address in the job, not in the request.

    The response and its duration are therefore the same for all addresses.
    """

    kind: ClassVar[str] = "send_reset_mail"

    email: str

    async def run(self, context: JobContext) -> None:
        async with context.units_of_work.begin() as uow:
            user = await users.find_by_email(uow, self.email)
            if user is None or not user.is_active:
                return
            token = await mailed_tokens.create(uow, user, Purpose.RESET_PASSWORD)
        values = {"link": self.mail(context).link("reset-password", token)}
        await self.mail(context).send(Template.RESET_PASSWORD, user.email, context.task_id, values)
