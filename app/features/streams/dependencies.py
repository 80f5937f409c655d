"""Dependencies of stream endpoints: leases and session revalidation."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.features.streams.leases import SocketLeases
from app.features.streams.lifespan import StreamResources
from app.features.streams.session_revalidation import SessionRevalidation
from app.resources import resources_of


async def get_revalidation(connection: HTTPConnection) -> SessionRevalidation:
    return resources_of(connection)[StreamResources].revalidation


async def get_socket_leases(connection: HTTPConnection) -> SocketLeases:
    return resources_of(connection)[StreamResources].leases


SocketLeasesDep = Annotated[SocketLeases, Depends(get_socket_leases)]
RevalidationDep = Annotated[SessionRevalidation, Depends(get_revalidation)]
