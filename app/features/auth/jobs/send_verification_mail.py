"""Job: mail the link that confirms an e-mail address."""

import uuid
from typing import ClassVar

from app.errors import NotFound
from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.mail.job import MailJob
from app.features.mail.sender import Template
from app.features.users.crud import users
from app.jobs.job import PermanentFailure, Work


class SendVerificationMail(MailJob):
    kind: ClassVar[str] = "send_verification_mail"

    user_id: uuid.UUID

    async def run(self, work: Work) -> None:
        async with work.units_of_work.begin() as uow:
            try:
                user = await users.get_for_change(uow, self.user_id)
            except NotFound as error:
                raise PermanentFailure("The account was deleted.") from error
            if not user.is_active or user.email_verified:
                return
            token = await mailed_tokens.create(uow, user, Purpose.VERIFY_EMAIL)
        values = {"link": self.mail(work).link("verify-email", token)}
        await self.mail(work).send(Template.VERIFY_EMAIL, user.email, work.task_id, values)
