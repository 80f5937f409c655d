"""The tickets table: single-use credentials. Flushes; never commits."""

import uuid
from datetime import UTC, datetime
from math import isfinite

from sqlalchemy import delete, func

from app.db.unit_of_work import UnitOfWork
from app.errors import Unauthenticated
from app.features.streams.models.ticket import LIFETIME, InvalidTicket, Ticket
from app.runtime.clock import now
from app.security.principals import CredentialKind, Principal
from app.security.secrets import digest, new_secret


async def create(uow: UnitOfWork, principal: Principal) -> str:
    """Return the text of a new ticket, which authenticates the principal once.

    Raises:
        Unauthenticated: the principal has no credential to revalidate.
    """
    credential = principal.credential
    if credential is None:
        raise Unauthenticated("A ticket needs a credential.")
    secret, ends = new_secret(), principal.expires_at
    uow.session.add(
        Ticket(
            user_id=principal.id,
            credential_kind=credential.kind,
            credential_id=credential.id,
            credential_version=credential.version,
            scopes=sorted(principal.scopes),
            secret_hash=digest(secret),
            credential_expires_at=datetime.fromtimestamp(ends, UTC) if isfinite(ends) else None,
            expires_at=now() + LIFETIME,
        )
    )
    await uow.session.flush()
    return secret


async def redeem(uow: UnitOfWork, secret: str) -> Ticket:
    """Delete the ticket and return it; of concurrent calls in any processes, one succeeds.

    Raises:
        InvalidTicket: the ticket is unknown, expired or was used before.
    """
    ticket: Ticket | None = await uow.session.scalar(
        delete(Ticket)
        .where(Ticket.secret_hash == digest(secret), Ticket.expires_at > func.now())
        .returning(Ticket)
    )
    if ticket is None:
        raise InvalidTicket("The ticket is unknown, expired or was used before.")
    return ticket


async def delete_all(uow: UnitOfWork, user_id: uuid.UUID, *, except_id: uuid.UUID | None) -> None:
    """Delete the tickets of the user's sessions, except those of `except_id`."""
    await uow.session.execute(
        delete(Ticket).where(
            Ticket.user_id == user_id,
            Ticket.credential_kind == CredentialKind.ACCESS_TOKEN,
            Ticket.credential_id.is_distinct_from(except_id),
        )
    )


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.execute(delete(Ticket).where(Ticket.expires_at < func.now()))
