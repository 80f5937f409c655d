"""Queries and changes of the notifications table. Flushes; never commits."""

import uuid

from sqlalchemy import bindparam, select

from app.db.executor import PoolReader
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.features.notifications.models import Notification
from app.features.notifications.schemas import NotificationRead
from app.features.users.crud import users
from app.features.users.models.user import User
from app.security.principals import Role

LISTING = Listing(
    [getattr(Notification, name) for name in NotificationRead.model_fields],
    where=[Notification.user_id == bindparam("user_id")],
    filters={},
    sorts={"created_at": Notification.created_at},
    default_sort=("-created_at",),
    key=Notification.id,
)


async def list_page(reads: PoolReader, request: PageRequest, *, user_id: uuid.UUID) -> PageRows:
    """Return one page of the user's notifications."""
    return await LISTING.page(reads, request, {"user_id": user_id})


async def create(uow: UnitOfWork, user_id: uuid.UUID, *, subject: str, message: str) -> None:
    """Add a notification for the user."""
    uow.session.add(Notification(user_id=user_id, subject=subject, message=message))
    await uow.session.flush()


async def create_for_address(uow: UnitOfWork, email: str, *, subject: str, message: str) -> None:
    """Add a notification for the user with the address, if there is one."""
    user = await users.find_by_email(uow, email)
    if user:
        await create(uow, user.id, subject=subject, message=message)


async def create_for_admins(uow: UnitOfWork, *, subject: str, message: str) -> None:
    """Add a notification for each administrator who may sign in."""
    is_admin = (User.role == Role.ADMIN) & User.is_active & User.deleted_at.is_(None)
    for user_id in await uow.session.scalars(select(User.id).where(is_admin)):
        uow.session.add(Notification(user_id=user_id, subject=subject, message=message))
    await uow.session.flush()
