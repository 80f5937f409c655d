"""Mail: well-formed, safe against header injection, accepted by a real server."""

import asyncio
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from mailbox import Maildir
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope
from aiosmtpd.smtp import _Missing as MissingType
from pydantic import SecretStr

from app.features.mail.sender import FolderMailer, MailSender, SmtpMailer, Template, compose
from tests.conftest import Running, new_client
from tests.e2e.service import free_port
from tests.features.conftest import read_mails
from tests.polling import wait_until

SENDER = "Reference <no-reply@example.com>"
VALUES = {
    "project_name": "Reference",
    "name": "Ada",
    "link": "https://api.example.com/verify-email?token=abc",
    "username": "ada",
    "email": "ada@example.com",
    "subject": "Hello",
    "message": "Good morning.",
}


class Server:
    """A mail server that requires a password and stores the mails."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.rejects = False
        self.greetings = self.sign_ins = 0

    async def handle_EHLO(  # noqa: N802
        self, _: object, session: Any, __: object, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greetings += 1
        return responses

    async def handle_AUTH(self, *_: object) -> MissingType:  # noqa: N802
        self.sign_ins += 1
        return MISSING

    async def handle_DATA(self, _: object, __: object, envelope: Envelope) -> str:  # noqa: N802
        if self.rejects:
            return "451 Try again later"
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    handler = Server()
    speaks = partial(SMTP, handler, authenticator=authenticate, auth_require_tls=False)
    listening = await asyncio.get_running_loop().create_server(speaks, "127.0.0.1", 0)
    async with listening:
        yield handler, f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[Maildir, str]]:
    """A mail server in a process of its own, and the folder of its mails."""
    folder, port = tmp_path / "mailbox", free_port()
    keeps = ["--class", "aiosmtpd.handlers.Mailbox", str(folder)]
    listens = ["--nosetuid", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen([sys.executable, "-m", "aiosmtpd", *listens, *keeps])
    wait_until(lambda: is_listening(port))
    yield Maildir(folder), f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def authenticate(*words: Any) -> AuthResult:
    given = words[-1]
    is_right = (given.login, given.password) == (b"mailer", "s:crét".encode())
    return AuthResult(success=is_right, handled=is_right)


def sender(url: str) -> MailSender:
    return MailSender(
        SmtpMailer(url), sender=SENDER, public_url="https://api.example.com", project_name="Ref"
    )


class TestSmtpMailer:
    async def test_mail_is_sent_to_a_server_in_another_process(
        self, mailbox: tuple[Maildir, str]
    ) -> None:
        folder, address = mailbox

        await sender(f"smtp://{address}").send(
            Template.WELCOME, "ada@example.com", uuid.uuid4(), {"name": "Ada"}
        )

        assert [mail["Subject"] for mail in folder] == ["Welcome to Ref"]

    async def test_mail_is_sent_to_a_real_server(self, server: tuple[Server, str]) -> None:
        handler, address = server
        mail_id = uuid.uuid4()

        await sender(f"smtp://mailer:s%3Acr%C3%A9t@{address}").send(
            Template.WELCOME, "ada@example.com", mail_id, {"name": "Ada <b>"}
        )

        (mail,) = handler.taken
        assert (mail["From"], mail["To"]) == (SENDER, "ada@example.com")
        assert mail["Message-ID"] == f"<{mail_id}@example.com>"
        assert mail["Subject"] == "Welcome to Ref"

    async def test_rejection_is_raised(self, server: tuple[Server, str]) -> None:
        handler, address = server
        handler.rejects = True

        with pytest.raises(aiosmtplib.SMTPException):
            await sender(f"smtp://mailer:s%3Acr%C3%A9t@{address}").send(
                Template.WELCOME, "ada@example.com", uuid.uuid4(), {"name": "Ada"}
            )

    async def test_wrong_password_is_raised(self, server: tuple[Server, str]) -> None:
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await sender(f"smtp://mailer:wrong@{server[1]}").send(
                Template.WELCOME, "ada@example.com", uuid.uuid4(), {"name": "Ada"}
            )

    async def test_forty_health_checks_make_one_connection_and_no_sign_in(
        self, server: tuple[Server, str], running: Running
    ) -> None:
        handler, address = server
        url = SecretStr(f"smtp://mailer:s%3Acr%C3%A9t@{address}")
        async with running(smtp_url=url, health_cache_seconds=60) as app, new_client(app) as client:
            responses = await asyncio.gather(*(client.get("/health") for _ in range(40)))

        health = [response.json()["dependencies"]["mail"]["status"] for response in responses]
        assert health == ["ok"] * 40
        assert (handler.greetings, handler.sign_ins) == (1, 0)

    async def test_server_without_tls_is_rejected_if_tls_is_required(
        self, server: tuple[Server, str]
    ) -> None:
        with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
            await sender(f"smtp+starttls://mailer:x@{server[1]}").send(
                Template.WELCOME, "ada@example.com", uuid.uuid4(), {"name": "Ada"}
            )


class TestFolderMailer:
    async def test_each_mail_is_a_file(self, tmp_path: Path) -> None:
        mails = tmp_path / "mails"
        for _ in range(2):
            await FolderMailer(mails).send(compose(Template.WELCOME, VALUES))

        assert len(list(mails.glob("*.eml"))) == 2


class TestCompose:
    @pytest.mark.parametrize("template", list(Template))
    def test_each_has_a_subject_a_text_and_a_page(self, template: Template) -> None:
        mail = compose(template, VALUES)

        text, page = mail.get_body(("plain",)), mail.get_body(("html",))
        assert mail["Subject"]
        assert text is not None
        assert len(str(text.get_content())) > 10
        assert page is not None
        assert "</html>" in page.get_content()

    def test_user_input_is_escaped_in_the_page(self) -> None:
        mail = compose(Template.NOTIFICATION, VALUES | {"message": "<script>alert(1)</script>"})

        page, text = mail.get_body(("html",)), mail.get_body(("plain",))
        assert page is not None
        assert text is not None
        assert "&lt;script&gt;" in page.get_content()
        assert "<script>" in text.get_content()

    @pytest.mark.parametrize("odd", ["Hi\r\nBcc: b@example.com", "Hi\nBcc: b@example.com"])
    def test_no_header_can_be_smuggled_in(self, odd: str) -> None:
        mail = compose(Template.NOTIFICATION, VALUES | {"subject": odd})

        assert "Bcc" not in mail

    @pytest.mark.parametrize("odd", ["a@example.com\nBcc: b@example.com", "a\r\n\r\nbody"])
    async def test_no_recipient_can_be_smuggled_in(self, tmp_path: Path, odd: str) -> None:
        mailer = FolderMailer(tmp_path)
        letters = MailSender(mailer, sender=SENDER, public_url="", project_name="Ref")

        with pytest.raises(ValueError, match=r"linefeed|newline"):
            await letters.send(Template.WELCOME, odd, uuid.uuid4(), {"name": "Ada"})

    async def test_longest_address_survives_the_wire(self, tmp_path: Path) -> None:
        recipient = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.com"
        letters = MailSender(
            FolderMailer(tmp_path), sender=SENDER, public_url="", project_name="Ref"
        )

        await letters.send(Template.WELCOME, recipient, uuid.uuid4(), {"name": "Ada"})

        assert [to for to, _ in read_mails(tmp_path)] == [recipient]
