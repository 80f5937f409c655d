"""The database, as endpoints ask for it."""

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
async def writing(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A transaction of the caller, with a session around it."""
    sessions = resources(connection)[DatabaseResources].sessions
    async with announced(connection), transaction(sessions) as session:
        yield session


@asynccontextmanager
async def writing_with_driver(connection: HTTPConnection) -> AsyncIterator[DriverTransaction]:
    """A transaction of the caller."""
    database = resources(connection)[DatabaseResources]
    opened = driver_transaction(database.driver_pool, database.sessions)
    async with announced(connection), opened as work:
        yield work


@asynccontextmanager
async def announced(connection: HTTPConnection) -> AsyncIterator[None]:
    """Announce the write of the caller, who then reads from the primary for a moment.

    After an error as well: a caller that learns of a change must not be shown the old row.
    """
    try:
        yield
    finally:
        router = resources(connection)[ReadRouting].router
        principal: Principal | None = connection.scope.get("principal")
        if router and principal:
            await router.announce(principal.id)


async def get_session(request: Request) -> AsyncSession:
    """The session of the request's unit of work, which its route opens and commits."""
    return cast("AsyncSession", request.state.session)


async def get_transaction(request: Request) -> Transaction:
    """The transaction of the request's unit of work, which has a session if somebody needs it."""
    return cast("Transaction", request.state.session)


async def get_reads(connection: HTTPConnection) -> ReadPool:
    return resources(connection)[DatabaseResources].reads


async def get_replica_reads(connection: HTTPConnection) -> Reader:
    router = resources(connection)[ReadRouting].router
    if router is None:
        return resources(connection)[DatabaseResources].reads
    # The caller may be known only later: dependencies are solved in the order of a signature.
    return router.reader(lambda: connection.scope["principal"].id)


async def get_transactions(connection: HTTPConnection) -> OpenTransaction:
    return partial(writing, connection)


# Needs a router with `route_class=UnitOfWorkRoute`: see app/http/unit_of_work.py.
TransactionDep = Annotated[Transaction, Depends(get_transaction)]
SessionDep = Annotated[AsyncSession, Depends(get_session)]
# For endpoints that commit although they answer with an error.
Transactions = Annotated[OpenTransaction, Depends(get_transactions)]
Reads = Annotated[ReadPool, Depends(get_reads)]
# May be a moment old, but never older than what the caller wrote. Nothing that decides who
# somebody is or what he may do is read here.
ReplicaReads = Annotated[Reader, Depends(get_replica_reads)]
