"""Writes: one transaction for each request, committed before the answer leaves.

A route and not a dependency, because a transaction that PostgreSQL gave up in favour of
another is repeated as a whole, and because the answer to an Idempotency-Key is stored
in the transaction of the write. See docs/adr/0003-commit-before-the-response.md.
"""

import asyncio

from fastapi import Request, Response

from app.api.idempotency import answer_once
from app.api.planned_route import Handler, PlannedRoute
from app.core.jitter import jitter
from app.db.errors import ConcurrentUpdate
from app.dependencies.database import writing

ATTEMPTS = 3
PAUSE_SECONDS = 0.02


class UnitOfWorkRoute(PlannedRoute):
    """A route whose writes share one transaction, which `SessionDep` gives to the endpoint."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        return handler if self.methods == {"GET"} else in_transaction(handler)


def in_transaction(handler: Handler) -> Handler:
    async def attempt(request: Request, number: int = 1) -> Response:
        try:
            async with writing(request) as session:
                request.state.session = session
                return await answer_once(request, handler)
        except ConcurrentUpdate:
            if number == ATTEMPTS:
                raise
        await asyncio.sleep(jitter(0, PAUSE_SECONDS * number))
        return await attempt(request, number + 1)

    return attempt
