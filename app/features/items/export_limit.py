"""Export limit: a slot of the concurrency limiter, held until the last byte is sent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends, Request

from app.features.categories.scopes import ItemReader
from app.features.items.lifespan import ItemResources
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.resources import resources_of


async def get_export_slot(request: Request, principal: ItemReader) -> AsyncIterator[AsyncExitStack]:
    """Acquire a slot; the stack is closed at the end of the response, also when it is aborted.

    Raises:
        TooManyAtOnce: the user has as many exports as allowed.
        Overloaded: the process has as many exports as allowed.
    """
    limiter: ConcurrencyLimiter = resources_of(request)[ItemResources].exports
    async with AsyncExitStack() as stack:
        stack.enter_context(limiter.slot(principal.id))
        yield stack


ExportSlot = Annotated[AsyncExitStack, Depends(get_export_slot)]
