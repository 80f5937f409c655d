"""Fixture of rooms: the port of a running server."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.features.rooms.lifespan import RoomResources
from app.features.streams.lifespan import StreamResources
from benchmarks.harness.servers import serving
from tests.polling import eventually
from tests.state import resources_of


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port
    await eventually(lambda: is_quiet(app))


async def is_quiet(app: FastAPI) -> bool:
    """Wait until all participants have left, since the next test starts with empty tables."""
    return bool(
        resources_of(app)[RoomResources].rooms.is_empty
        and resources_of(app)[StreamResources].leases.count == 0
    )
