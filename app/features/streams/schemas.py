"""Schemas of tickets."""

from pydantic import Field

from app.http.schemas import ResponseModel


class TicketRead(ResponseModel):
    """Sent as `?ticket=` where a browser cannot send a header: WebSocket, EventSource."""

    ticket: str = Field(max_length=100, examples=["3yZ6c8Qm0bB1..."])
    """The ticket: good for one connection."""
    expires_in: int = Field(ge=1, le=60, description="Seconds until it expires.", examples=[30])
