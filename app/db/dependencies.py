"""Dependencies of endpoints: sessions, transactions and readers of the database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from app.db.executor import Reader, ReadPool
from app.db.read_router import ReadRouting
from app.db.resources import DatabaseResources
from app.db.session import (
    AsyncSession,
    DriverTransaction,
    Transaction,
    driver_transaction,
    transaction,
)
from app.resources import resources
from app.security.principals import Principal

OpenTransaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@asynccontextmanager
async def open_transaction(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Open a transaction with a session; publish the write of the caller at its end."""
    sessions = resources(connection)[DatabaseResources].sessions
    async with published_write(connection), transaction(sessions) as session:
        yield session


@asynccontextmanager
async def open_driver_transaction(connection: HTTPConnection) -> AsyncIterator[DriverTransaction]:
    """Open a transaction without a session; publish the write of the caller at its end."""
    database = resources(connection)[DatabaseResources]
    opened = driver_transaction(database.driver_pool, database.sessions)
    async with published_write(connection), opened as work:
        yield work


@asynccontextmanager
async def published_write(connection: HTTPConnection) -> AsyncIterator[None]:
    """Publish that the caller wrote, whose reads then go to the primary for a moment.

    Also after an error: a caller that was notified of a change must not read the old row.
    """
    try:
        yield
    finally:
        router = resources(connection)[ReadRouting].router
        principal: Principal | None = connection.scope.get("principal")
        if router and principal:
            await router.announce(principal.id)


async def get_session(request: Request) -> AsyncSession:
    """Return the session of the unit of work that the route opens and commits."""
    return cast("AsyncSession", request.state.session)


async def get_transaction(request: Request) -> Transaction:
    """Return the transaction of the unit of work; a session only if a dependency requires one."""
    return cast("Transaction", request.state.session)


async def get_reads(connection: HTTPConnection) -> ReadPool:
    return resources(connection)[DatabaseResources].reads


async def get_replica_reads(connection: HTTPConnection) -> Reader:
    router = resources(connection)[ReadRouting].router
    if router is None:
        return resources(connection)[DatabaseResources].reads
    # The principal may be resolved later: dependencies run in the order of a signature.
    return router.reader(lambda: connection.scope["principal"].id)


async def get_transactions(connection: HTTPConnection) -> OpenTransaction:
    return partial(open_transaction, connection)


# Needs a router with `route_class=UnitOfWorkRoute`: see app/http/unit_of_work.py.
TransactionDep = Annotated[Transaction, Depends(get_transaction)]
SessionDep = Annotated[AsyncSession, Depends(get_session)]
# For endpoints that commit although they return an error.
Transactions = Annotated[OpenTransaction, Depends(get_transactions)]
Reads = Annotated[ReadPool, Depends(get_reads)]
# May be a moment old, but never older than the last write of the caller. Never used for
# authentication or authorization.
ReplicaReads = Annotated[Reader, Depends(get_replica_reads)]
