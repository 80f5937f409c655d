"""Receivers of signals: tickets are deleted with their sessions."""

from app.db.session import AsyncSession
from app.features.streams.crud import tickets
from app.features.users.signals import SignInsEnded


async def delete_tickets(session: AsyncSession, signal: SignInsEnded) -> None:
    await tickets.delete_all(session, signal.user_id, except_id=signal.kept_session_id)
