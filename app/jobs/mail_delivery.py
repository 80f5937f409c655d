"""Send what waits in the outbox."""

import asyncio
from contextlib import suppress

from app.core import metrics
from app.core.background import BackgroundLoop
from app.crud import mailed_tokens, mails, users
from app.db.session import AsyncSession, Sessionmaker, transaction
from app.integrations.mail import Mailer, compose
from app.models.mail import Mail, Template
from app.models.mailed_token import Purpose
from app.models.user import User

PAUSE_SECONDS = 30.0


class MailDelivery(BackgroundLoop):
    """Woken by a notification; looks by itself now and then, in case one was lost."""

    name = "mail delivery"

    def __init__(
        self, sessions: Sessionmaker, mailer: Mailer, *, sender: str, public_url: str
    ) -> None:
        super().__init__()
        self._sessions = sessions
        self._mailer = mailer
        self._sender = sender
        self._public_url = public_url
        self._news = asyncio.Event()

    def wake(self, _: str = "") -> None:
        self._news.set()

    async def work(self) -> None:
        self._news.clear()
        while await self.deliver_one():
            pass

    async def pause(self) -> None:
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes with the news.
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._news.wait()

    async def deliver_one(self) -> bool:
        """Send the oldest mail; say whether there was one."""
        async with transaction(self._sessions) as session:
            waiting = await mails.take_unsent(session, limit=1)
            for mail in waiting:
                await self._deliver(session, mail)
                await mails.mark_sent(session, mail)
        return bool(waiting)

    async def _deliver(self, session: AsyncSession, mail: Mail) -> None:
        # Whether the address has an account shows here and not in the answer's time.
        user = await users.find_by_email(session, mail.recipient)
        if user is None or not is_wanted(mail, user):
            return
        token = await mailed_tokens.create(session, user, Purpose(mail.template.value))
        await self._mailer.send(
            compose(
                mail.template,
                sender=self._sender,
                recipient=user.email,
                public_url=self._public_url,
                token=token,
            )
        )
        metrics.MAILS_SENT.inc()


def is_wanted(mail: Mail, user: User) -> bool:
    return user.is_active and not (mail.template is Template.VERIFY_EMAIL and user.email_verified)
