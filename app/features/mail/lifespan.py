"""Lifespan: the mailer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.features.mail.sender import Mailer, MailSender, create_mailer
from app.features.mail.settings import MailSettings
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class MailResources:
    mailer: Mailer
    sender: MailSender


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[MailResources]:
    settings, own = startup.settings, startup.settings.of(MailSettings)
    mailer = create_mailer(own.smtp_url.get_secret_value(), own.mail_folder)
    startup.health.add("mail", mailer.is_available)
    sender = MailSender(
        mailer,
        sender=own.mail_sender,
        public_url=settings.public_url,
        project_name=settings.project_name,
    )
    yield MailResources(mailer, sender)
