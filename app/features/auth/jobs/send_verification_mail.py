"""Jobs: mail the link that confirms an e-mail address."""

import uuid
from typing import ClassVar

from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.job import JobContext, PermanentFailure
from app.features.mail.job import MailJob
from app.features.mail.sender import Template
from app.features.users.crud import users


class SendVerificationMail(MailJob):
    kind: ClassVar[str] = "send_verification_mail"

    user_id: uuid.UUID

    async def run(self, context: JobContext) -> None:
        async with context.units_of_work.begin() as uow:
            with PermanentFailure.if_not_found("The account was deleted."):
                user = await users.get_for_change(uow, self.user_id)
            if not user.is_active or user.email_verified:
                return
            token = await mailed_tokens.create(uow, user, Purpose.VERIFY_EMAIL)
        values = {"link": self.mail(context).link("verify-email", token)}
        await self.mail(context).send(Template.VERIFY_EMAIL, user.email, context.task_id, values)


class ResendVerificationMail(MailJob):
    """Looks up the account of the requested address in the job, not in the request.

    The response and its duration are therefore the same for all addresses.
    """

    kind: ClassVar[str] = "resend_verification_mail"

    email: str

    async def run(self, context: JobContext) -> None:
        async with context.units_of_work.begin() as uow:
            user = await users.find_by_email(uow, self.email)
            if user is None or not user.is_active or user.email_verified:
                return
            token = await mailed_tokens.create(uow, user, Purpose.VERIFY_EMAIL)
        values = {"link": self.mail(context).link("verify-email", token)}
        await self.mail(context).send(Template.VERIFY_EMAIL, user.email, context.task_id, values)
