"""Endpoint for tickets, which authenticate streams of clients that cannot send headers."""

from fastapi import APIRouter

from app.db.dependencies import UnitOfWorkDep
from app.features.streams.crud import tickets
from app.features.streams.models.ticket import LIFETIME
from app.features.streams.schemas import TicketRead
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import CurrentPrincipal

router = APIRouter(prefix="/auth", tags=["auth"], route_class=UnitOfWorkRoute)


@router.post("/ws-ticket")
async def create_ws_ticket(uow: UnitOfWorkDep, principal: CurrentPrincipal) -> TicketRead:
    """Get a ticket that opens one WebSocket or event stream within 30 seconds."""
    ticket = await tickets.create(uow, principal)
    return TicketRead(ticket=ticket, expires_in=int(LIFETIME.total_seconds()))
