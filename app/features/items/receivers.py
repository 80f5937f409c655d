"""Receivers of signals: deleted items are removed from a deleted category."""

from app.db.session import AsyncSession
from app.features.categories.signals import CategoryDeleted
from app.features.items import crud


async def leave_category(session: AsyncSession, signal: CategoryDeleted) -> None:
    await crud.leave_category(session, signal.category_id)
