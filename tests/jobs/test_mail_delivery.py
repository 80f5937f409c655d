"""The outbox: what is committed is sent once, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from fastapi import FastAPI

from app.core.errors import Conflict
from app.crud import mailed_tokens, mails
from app.db.session import Sessionmaker, transaction
from app.integrations.mail import compose
from app.jobs.mail_delivery import MailDelivery
from app.models.mail import Mail, Template
from app.models.mailed_token import Purpose
from app.models.user import User
from tests.api.v1.conftest import eventually
from tests.conftest import Save
from tests.factories import make_user

URL = "https://api.example.com"
SENDER = "no-reply@example.com"


class Postbox:
    """Stands for the mail server, which is not ours."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.mails: list[EmailMessage] = []

    async def send(self, mail: EmailMessage) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ConnectionRefusedError("The mail server is away.")
        self.mails.append(mail)

    def token(self) -> str:
        """What the newest link ends in."""
        text: str = self.mails[-1].get_content()
        return text.split("token=")[1].split(maxsplit=1)[0]


@pytest.fixture
async def sessions(app: FastAPI) -> AsyncIterator[Sessionmaker]:
    """The database, while the delivery of the application itself rests."""
    await app.state.mail_delivery.close()
    yield app.state.sessionmaker
    app.state.mail_delivery.start()


def delivery(sessions: Sessionmaker, postbox: Postbox) -> MailDelivery:
    return MailDelivery(sessions, postbox, sender=SENDER, public_url=URL)


async def enqueue(
    sessions: Sessionmaker, recipient: str, template: Template = Template.RESET_PASSWORD
) -> None:
    async with transaction(sessions) as session:
        await mails.enqueue(session, recipient, template)


async def enqueue_in_vain(sessions: Sessionmaker, recipient: str) -> None:
    async with transaction(sessions) as session:
        await mails.enqueue(session, recipient, Template.VERIFY_EMAIL)
        raise Conflict


async def waits(delivery: MailDelivery) -> bool:
    return bool(delivery._news._waiters)


async def deliver_all(delivery: MailDelivery) -> None:
    while await delivery.deliver_one():
        pass


class TestDeliverOne:
    async def test_mail_has_a_link_that_proves_the_mailbox(
        self, sessions: Sessionmaker, user: User
    ) -> None:
        postbox = Postbox()
        await enqueue(sessions, user.email)

        assert await delivery(sessions, postbox).deliver_one()

        (mail,) = postbox.mails
        assert (mail["To"], mail["From"]) == (user.email, SENDER)
        assert f"{URL}/reset-password?token=" in mail.get_content()
        async with transaction(sessions) as session:
            proven = await mailed_tokens.use(session, postbox.token(), Purpose.RESET_PASSWORD)
        assert proven.id == user.id

    async def test_each_is_sent_once_by_whomever(self, sessions: Sessionmaker, user: User) -> None:
        postbox = Postbox()
        for _ in range(10):
            await enqueue(sessions, user.email)

        await asyncio.gather(*(deliver_all(delivery(sessions, postbox)) for _ in range(4)))
        await deliver_all(delivery(sessions, postbox))

        assert len(postbox.mails) == 10

    async def test_what_is_rolled_back_is_never_sent(
        self, sessions: Sessionmaker, user: User
    ) -> None:
        with pytest.raises(Conflict):
            await enqueue_in_vain(sessions, user.email)

        assert not await delivery(sessions, Postbox()).deliver_one()

    async def test_refused_mail_stays_and_so_does_the_link_before_it(
        self, sessions: Sessionmaker, user: User
    ) -> None:
        postbox = Postbox()
        sender = delivery(sessions, postbox)
        await enqueue(sessions, user.email)
        await sender.deliver_one()
        await enqueue(sessions, user.email)
        postbox.refuses = 1

        with pytest.raises(ConnectionRefusedError):
            await sender.deliver_one()

        async with transaction(sessions) as session:
            await mailed_tokens.use(session, postbox.token(), Purpose.RESET_PASSWORD)
        assert await sender.deliver_one()

    @pytest.mark.parametrize(
        ("fields", "template"),
        [
            ({"is_active": False}, Template.VERIFY_EMAIL),
            ({"is_active": False}, Template.RESET_PASSWORD),
            ({"email_verified": True}, Template.VERIFY_EMAIL),
        ],
    )
    async def test_who_needs_none_gets_none(
        self, sessions: Sessionmaker, save: Save, fields: dict[str, bool], template: Template
    ) -> None:
        postbox, sender = Postbox(), None
        user = await save(make_user(**fields))
        await enqueue(sessions, user.email, template)

        sender = delivery(sessions, postbox)

        assert await sender.deliver_one()
        assert not await sender.deliver_one()
        assert postbox.mails == []

    async def test_unknown_address_gets_none(self, sessions: Sessionmaker) -> None:
        postbox = Postbox()
        await enqueue(sessions, "nobody@example.com")

        await deliver_all(delivery(sessions, postbox))

        assert postbox.mails == []


class TestRun:
    async def test_goes_on_after_a_failure(self, sessions: Sessionmaker, user: User) -> None:
        postbox = Postbox(refuses=2)
        running = delivery(sessions, postbox)
        await enqueue(sessions, user.email)
        running.start()

        async def is_sent() -> bool:
            running.wake()
            return len(postbox.mails) == 1

        await eventually(is_sent)
        await running.close()

    @pytest.mark.parametrize("is_woken", [True, False])
    async def test_closes_while_it_waits(self, sessions: Sessionmaker, is_woken: bool) -> None:
        running = delivery(sessions, Postbox())
        running.start()
        await eventually(lambda: waits(running))

        if is_woken:
            running.wake()
        await asyncio.sleep(0)
        closed, _ = await asyncio.wait([asyncio.create_task(running.close())], timeout=5)

        assert closed


class TestCompose:
    @pytest.mark.parametrize("template", list(Template))
    def test_longest_address_survives_the_wire(self, template: Template) -> None:
        recipient = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.com"

        mail = compose(template, sender=SENDER, recipient=recipient, public_url=URL, token="t" * 43)

        assert recipient.encode() in mail.as_bytes().replace(b"\n ", b"")

    @pytest.mark.parametrize("odd", ["a@example.com\nBcc: b@example.com", "a\r\n\r\nbody"])
    def test_no_line_can_be_smuggled_in(self, odd: str) -> None:
        with pytest.raises(ValueError, match=r"linefeed|newline"):
            compose(Template.VERIFY_EMAIL, sender=SENDER, recipient=odd, public_url=URL, token="t")


async def test_outbox_keeps_no_secret(sessions: Sessionmaker) -> None:
    assert {column.name for column in Mail.__table__.columns} == {
        "id",
        "created_at",
        "recipient",
        "template",
        "sent_at",
    }
