"""Writes: one transaction for each request, committed before the answer leaves.

A route and not a dependency, because a transaction that PostgreSQL gave up in favour of
another is repeated as a whole, and because the answer to an Idempotency-Key is stored
in the transaction of the write. See docs/adr/0003-commit-before-the-response.md.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant

from app.db.dependencies import (
    get_session,
    get_transaction,
    open_driver_transaction,
    open_transaction,
)
from app.db.errors import REPEATABLE
from app.db.session import Transaction
from app.fastpath.route import Handler, PlannedRoute
from app.http.idempotency.route import Guard, answer_once, guards_of
from app.runtime.jitter import jitter

Begin = Callable[[Request], AbstractAsyncContextManager[Transaction]]

ATTEMPTS = 3
PAUSE_SECONDS = 0.02


class UnitOfWorkRoute(PlannedRoute):
    """A route whose writes share one transaction, which `SessionDep` gives to the endpoint.

    `TransactionDep` is enough for statements of app/db/compiled_insert.py, and spares the session.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        if self.methods == {"GET"}:
            return handler
        calls = set(calls_of(self.dependant))
        is_direct = get_transaction in calls and get_session not in calls
        begin = open_driver_transaction if is_direct else open_transaction
        return in_transaction(handler, begin, list(guards_of(self.dependant)))


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    """All that is called for a request."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def in_transaction(handler: Handler, begin: Begin, guards: Sequence[Guard]) -> Handler:
    async def attempt(request: Request, number: int = 1) -> Response:
        try:
            async with begin(request) as session:
                request.state.session = session
                return await answer_once(request, handler, guards)
        except REPEATABLE:
            if number == ATTEMPTS:
                raise
        await asyncio.sleep(jitter(0, PAUSE_SECONDS * number))
        return await attempt(request, number + 1)

    return attempt
