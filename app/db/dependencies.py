"""The database, as endpoints ask for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from app.db.executor import Reader, ReadPool
from app.db.session import (
    AsyncSession,
    DirectTransaction,
    Transaction,
    direct_transaction,
    transaction,
)
from app.features.replica.replica import Replica, RoutedReads
from app.security.principals import Principal

OpenTransaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@asynccontextmanager
async def writing(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A transaction of the caller, with a session around it."""
    async with told(connection), transaction(connection.app.state.sessionmaker) as session:
        yield session


@asynccontextmanager
async def writing_directly(connection: HTTPConnection) -> AsyncIterator[DirectTransaction]:
    """A transaction of the caller."""
    state = connection.app.state
    async with told(connection), direct_transaction(state.direct_pool, state.sessionmaker) as work:
        yield work


@asynccontextmanager
async def told(connection: HTTPConnection) -> AsyncIterator[None]:
    """Have the caller read from the primary for a moment after it.

    After a refusal, too: who is told that a row has changed must not be shown the old one.
    """
    try:
        yield
    finally:
        replica: Replica | None = connection.app.state.replica
        principal: Principal | None = connection.scope.get("principal")
        if replica and principal:
            await replica.announce(principal.id)


async def get_session(request: Request) -> AsyncSession:
    """The session of the request's unit of work, which its route opens and commits."""
    return cast("AsyncSession", request.state.session)


async def get_transaction(request: Request) -> Transaction:
    """The transaction of the request's unit of work, which has a session if somebody needs it."""
    return cast("Transaction", request.state.session)


async def get_reads(connection: HTTPConnection) -> ReadPool:
    return cast("ReadPool", connection.app.state.reads)


async def get_replica_reads(connection: HTTPConnection) -> Reader:
    state = connection.app.state
    if state.replica is None:
        return cast("ReadPool", state.reads)
    # The caller may be known only later: dependencies are solved in the order of a signature.
    return RoutedReads(state.replica, lambda: connection.scope["principal"].id)


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
