"""The mails table: an outbox. Flushes; never commits."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select

from app.core.clock import now
from app.db.session import AsyncSession, notify
from app.models.mail import Mail, Template

# Whoever sends mails listens here.
CHANNEL = "mails"
KEPT = timedelta(days=7)


async def enqueue(session: AsyncSession, recipient: str, template: Template) -> None:
    """Have a mail sent once, and only if, the transaction commits."""
    session.add(Mail(recipient=recipient, template=template))
    await session.flush()
    await notify(session, CHANNEL, "")


async def take_unsent(session: AsyncSession, *, limit: int) -> Sequence[Mail]:
    """Return the oldest unsent mails, locked so that no other process sends them as well."""
    mails = await session.scalars(
        select(Mail)
        .where(Mail.sent_at.is_(None))
        .order_by(Mail.created_at, Mail.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return mails.all()


async def mark_sent(session: AsyncSession, mail: Mail) -> None:
    mail.sent_at = now()
    await session.flush()


async def delete_old(session: AsyncSession) -> None:
    await session.execute(delete(Mail).where(Mail.sent_at < func.now() - KEPT))
