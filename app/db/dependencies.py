"""Dependencies of endpoints: units of work and readers of the database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from app.db.executor import PoolReader, Reader
from app.db.read_router import ReadRouting
from app.db.resources import DatabaseResources
from app.db.unit_of_work import UnitOfWork
from app.resources import resources_of

OpenTransaction = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@asynccontextmanager
async def open_transaction(connection: HTTPConnection) -> AsyncIterator[UnitOfWork]:
    """Open a unit of work; publish the write of the caller at its end."""
    units_of_work = resources_of(connection)[DatabaseResources].units_of_work
    async with published_write(connection), units_of_work.begin() as uow:
        yield uow


@asynccontextmanager
async def published_write(connection: HTTPConnection) -> AsyncIterator[None]:
    """Publish the write of the caller, whose reads go to the primary until replicas have it.

    Also after an error: a caller that was notified of a change must not read the old row.
    """
    try:
        yield
    finally:
        router = resources_of(connection)[ReadRouting].router
        principal = connection.scope.get("principal")
        if router and principal:
            await router.publish_write(principal.id)


async def get_unit_of_work(request: Request) -> UnitOfWork:
    """Return the unit of work that the route opens and commits."""
    return cast("UnitOfWork", request.state.unit_of_work)


async def get_reads(connection: HTTPConnection) -> PoolReader:
    return resources_of(connection)[DatabaseResources].reads


async def get_replica_reads(connection: HTTPConnection) -> Reader:
    router = resources_of(connection)[ReadRouting].router
    # The principal may be resolved later: dependencies run in the order of a signature.
    replica = router and router.reader(lambda: connection.scope["principal"].id)
    return replica or resources_of(connection)[DatabaseResources].reads


async def get_transactions(connection: HTTPConnection) -> OpenTransaction:
    return partial(open_transaction, connection)


# Needs a router with `route_class=UnitOfWorkRoute`: see app/http/unit_of_work.py.
UnitOfWorkDep = Annotated[UnitOfWork, Depends(get_unit_of_work)]
# For endpoints that commit although they return an error.
Transactions = Annotated[OpenTransaction, Depends(get_transactions)]
Reads = Annotated[PoolReader, Depends(get_reads)]
# May lag behind the primary, but includes all writes of the caller. Never used for authentication
# or authorization.
ReplicaReads = Annotated[Reader, Depends(get_replica_reads)]
