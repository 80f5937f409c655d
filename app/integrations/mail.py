"""Mail: what is written and where it goes."""

import asyncio
import uuid
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol

from app.models.mail import Template

TEXTS = {
    Template.VERIFY_EMAIL: (
        "Confirm your e-mail address",
        (
            "Welcome. Confirm your e-mail address with this link within three days:\n\n{link}\n\n"
            "If you did not open an account, ignore this mail.\n"
        ),
    ),
    Template.RESET_PASSWORD: (
        "Reset your password",
        (
            "Choose a new password with this link within one hour:\n\n{link}\n\n"
            "If you did not ask for it, ignore this mail; your password stays as it is.\n"
        ),
    ),
}
PATHS = {Template.VERIFY_EMAIL: "verify-email", Template.RESET_PASSWORD: "reset-password"}


class Mailer(Protocol):
    """The port: something that takes a mail away."""

    async def send(self, mail: EmailMessage) -> None:
        """Raises OSError when the mail could not be handed over."""
        ...


class FolderMailer:
    """The sink of development: each mail is a file that mail programs open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: EmailMessage) -> None:
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._folder / f".{uuid.uuid4()}"
        written.write_bytes(mail.as_bytes(policy=SMTP))
        # Whoever watches the folder never meets half a mail.
        written.rename(self._folder / f"{written.name[1:]}.eml")


def compose(
    template: Template, *, sender: str, recipient: str, public_url: str, token: str
) -> EmailMessage:
    """Write the mail; EmailMessage refuses line breaks in headers."""
    subject, text = TEXTS[template]
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject
    mail.set_content(text.format(link=f"{public_url}/{PATHS[template]}?token={token}"))
    return mail
