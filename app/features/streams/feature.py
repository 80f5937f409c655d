"""Streams: tickets, leases and revalidation of open connections."""

from app.feature import Feature
from app.features.streams.crud import sockets, tickets
from app.features.streams.lifespan import lifespan

feature = Feature(
    name="streams",
    requires=("users",),
    cleanup=(tickets.delete_expired, sockets.delete_expired),
    lifespan=lifespan,
)
