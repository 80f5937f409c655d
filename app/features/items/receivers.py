"""Receivers of signals: deleted items are removed from a deleted category."""

from app.db.unit_of_work import UnitOfWork
from app.features.categories.signals import CategoryDeleted
from app.features.items import crud


async def leave_category(uow: UnitOfWork, signal: CategoryDeleted) -> None:
    await crud.leave_category(uow, signal.category_id)
