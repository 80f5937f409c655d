"""Receivers of signals: administrators are notified of new accounts."""

from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs.job import enqueue
from app.features.notifications.jobs import NotifyAdmins
from app.features.users.signals import UserRegistered


async def notify_admins(uow: UnitOfWork, signal: UserRegistered) -> None:
    await enqueue(uow, NotifyAdmins(user_id=signal.user_id))
