"""OpenAPI document as text: generated and serialized once, in a thread.

Generating takes seconds of CPU, and serializing more than other requests that anyone may send.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import FastAPI

from app.runtime.single_flight_cache import SingleFlightCache
from app.startup import Startup

GRACE_SECONDS = 1.0


def empty_cache() -> SingleFlightCache[str, str]:
    return SingleFlightCache(max_entries=1)


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    cache: SingleFlightCache[str, str] = field(default_factory=empty_cache)

    async def text(self, app: FastAPI) -> str:
        """Return the document, whose addresses begin with the public URL."""
        return await self.cache.get("document", partial(generated, app))


async def generated(app: FastAPI) -> tuple[str, float]:
    return await asyncio.to_thread(lambda: json.dumps(app.openapi())), math.inf


@asynccontextmanager
async def lifespan(_: Startup) -> AsyncIterator[OpenApiDocument]:
    document = OpenApiDocument()
    yield document
    await document.cache.close(grace_seconds=GRACE_SECONDS)
