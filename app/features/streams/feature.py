"""Streams: tickets, leases and revalidation of open connections."""

from app.feature import Feature
from app.features.streams.crud import sockets, tickets
from app.features.streams.lifespan import lifespan
from app.features.streams.receivers import delete_tickets
from app.features.streams.router import router
from app.features.users.signals import SessionsEnded

feature = Feature(
    name="streams",
    requires=("users",),
    routers=(router,),
    cleanup=(tickets.delete_expired, sockets.delete_expired),
    lifespan=lifespan,
    receivers={SessionsEnded: delete_tickets},
)
