"""Receivers of signals: tickets end with the sessions that they came from."""

from app.db.session import AsyncSession
from app.features.streams.crud import tickets
from app.features.users.signals import SignInsEnded


async def delete_tickets(session: AsyncSession, signal: SignInsEnded) -> None:
    await tickets.delete_all(session, signal.user_id, besides=signal.kept_session_id)
