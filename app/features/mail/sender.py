"""Mail: composing from templates, and transports (SMTP server or folder)."""

import asyncio
import enum
import os
import uuid
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.observability import metrics
from app.observability.logging import get_logger

SMTP_SECONDS = 10.0

log = get_logger("mail")
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
)


class Template(enum.StrEnum):
    """A mail: templates/<name>.txt, whose first line is the subject, and templates/<name>.html."""

    CHANGE_EMAIL = "change_email"
    NEW_ACCOUNT = "new_account"
    NOTIFICATION = "notification"
    RESET_PASSWORD = "reset_password"
    VERIFY_EMAIL = "verify_email"
    WELCOME = "welcome"


class Mailer(Protocol):
    """The port of mail transports."""

    async def send(self, mail: EmailMessage) -> None:
        """Hand the mail over.

        Raises:
            OSError, SMTPException: the transport is unreachable or rejected the mail.
        """
        ...

    async def is_available(self) -> bool:
        """Return whether the transport is available now."""
        ...


class FolderMailer:
    """Transport of development: writes each mail as an .eml file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: EmailMessage) -> None:
        await asyncio.to_thread(self._write, mail)

    async def is_available(self) -> bool:
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self._folder, os.W_OK)

    def _write(self, mail: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._folder / f".{uuid.uuid4()}"
        written.write_bytes(mail.as_bytes(policy=SMTP))
        # Renamed when complete, so that a process that watches the folder never reads half a mail.
        written.rename(self._folder / f"{written.name[1:]}.eml")


class SmtpMailer:
    """Transport to a server: smtp://, smtp+starttls:// or smtps://, with user and password."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    async def send(self, mail: EmailMessage) -> None:
        async with self._connection() as server:
            await server.send_message(mail)

    async def is_available(self) -> bool:
        try:
            # Without AUTH: mail servers limit sign-ins, and anonymous clients trigger this check.
            async with self._connection(signs_in=False) as server:
                await server.noop()
        except (OSError, aiosmtplib.SMTPException) as error:
            log.warning("mail server unreachable", reason=type(error).__name__)
            return False
        return True

    def _connection(self, *, signs_in: bool = True) -> aiosmtplib.SMTP:
        url = self._url
        return aiosmtplib.SMTP(
            hostname=url.hostname,
            port=url.port,
            username=unquote(url.username) if url.username and signs_in else None,
            password=unquote(url.password) if url.password and signs_in else None,
            use_tls=url.scheme == "smtps",
            # Set explicitly: an attacker in between can strip STARTTLS from the server's offer.
            start_tls=url.scheme == "smtp+starttls",
            timeout=SMTP_SECONDS,
        )


def create_mailer(smtp_url: str, folder: Path) -> Mailer:
    return SmtpMailer(smtp_url) if smtp_url else FolderMailer(folder)


class MailSender:
    """Composes mails from the service's address and sends them."""

    def __init__(self, mailer: Mailer, *, sender: str, public_url: str, project_name: str) -> None:
        self._mailer = mailer
        self._sender = sender
        self._public_url = public_url
        self._project_name = project_name

    def link(self, path: str, token: str) -> str:
        return f"{self._public_url}/{path}?token={token}"

    async def send(
        self, template: Template, recipient: str, mail_id: uuid.UUID, values: Mapping[str, str]
    ) -> None:
        """Compose and send a mail.

        Raises:
            OSError, SMTPException: the transport is unreachable or rejected the mail.
        """
        mail = compose(template, {"project_name": self._project_name, **values})
        mail["From"] = self._sender
        mail["To"] = recipient
        mail["Date"] = localtime()
        # The same at each attempt, so that a server can detect a duplicate.
        mail["Message-ID"] = f"<{mail_id}@{parseaddr(self._sender)[1].partition('@')[2]}>"
        await self._mailer.send(mail)
        metrics.MAILS_SENT.inc()


def compose(template: Template, values: Mapping[str, str]) -> EmailMessage:
    """Render subject and bodies; EmailMessage rejects line breaks in headers."""
    text = TEMPLATES.get_template(f"{template}.txt").render(values)
    subject, _, body = text.partition("\n")
    mail = EmailMessage()
    mail["Subject"] = subject
    mail.set_content(body.lstrip("\n"))
    html = TEMPLATES.get_template(f"{template}.html").render(values)
    mail.add_alternative(html, subtype="html")
    return mail
