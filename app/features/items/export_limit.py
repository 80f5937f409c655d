"""Exports: a slot of the concurrency limiter, held until the last byte has left."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends, Request

from app.features.items.lifespan import ItemResources
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.resources import resources
from app.security.authentication import ItemReader


async def get_export_slot(request: Request, principal: ItemReader) -> AsyncIterator[AsyncExitStack]:
    """Occupy a slot; what enters the stack is closed with the answer, also when it breaks off.

    Raises:
        TooManyAtOnce: the user has as many exports as allowed.
        Overloaded: the process has as many as it has connections for.
    """
    limiter: ConcurrencyLimiter = resources(request)[ItemResources].exports
    async with AsyncExitStack() as stack:
        stack.enter_context(limiter.slot(principal.id))
        yield stack


ExportSlot = Annotated[AsyncExitStack, Depends(get_export_slot)]
