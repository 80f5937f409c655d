"""Receivers of signals: tickets are deleted with their sessions."""

from app.db.unit_of_work import UnitOfWork
from app.features.streams.crud import tickets
from app.features.users.signals import SessionsEnded


async def delete_tickets(uow: UnitOfWork, signal: SessionsEnded) -> None:
    await tickets.delete_all(uow, signal.user_id, except_id=signal.kept_session_id)
