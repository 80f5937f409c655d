"""Receivers of signals: administrators are notified of new accounts."""

from app.db.session import AsyncSession
from app.features.notifications.jobs import NotifyAdmins
from app.features.users.signals import UserRegistered
from app.jobs.job import enqueue


async def notify_admins(session: AsyncSession, signal: UserRegistered) -> None:
    await enqueue(session, NotifyAdmins(user_id=signal.user_id))
