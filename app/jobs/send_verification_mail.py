"""Mail the link that proves an address."""

import uuid
from typing import ClassVar

from app.core.errors import NotFound
from app.crud import mailed_tokens, users
from app.db.session import transaction
from app.integrations.mail import Template
from app.jobs.mail_job import MailJob
from app.jobs.queue import GiveUp, Work
from app.models.mailed_token import Purpose


class SendVerificationMail(MailJob):
    kind: ClassVar[str] = "send_verification_mail"

    user_id: uuid.UUID

    async def run(self, work: Work) -> None:
        async with transaction(work.resources.sessions) as session:
            try:
                user = await users.get_for_change(session, self.user_id)
            except NotFound as error:
                raise GiveUp("The account was deleted.") from error
            if not user.is_active or user.email_verified:
                return
            token = await mailed_tokens.create(session, user, Purpose.VERIFY_EMAIL)
        values = {"link": work.resources.mail.link("verify-email", token)}
        await work.resources.mail.send(Template.VERIFY_EMAIL, user.email, work.task_id, values)
