"""Fixture of streams: open streams that the process revalidates."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.features.streams.lifespan import StreamResources
from app.features.streams.session_revalidation import ConnectionGuard
from app.security.principals import Principal
from tests.state import resources_of


@pytest.fixture
def open_streams(app: FastAPI) -> Iterator[Callable[[Principal], ConnectionGuard]]:
    """Streams that this process revalidates until the end of the test."""
    entered: list[Any] = []

    def enter(principal: Principal) -> ConnectionGuard:
        entered.append(resources_of(app)[StreamResources].revalidation.watch(principal))
        watched: ConnectionGuard = entered[-1].__enter__()
        return watched

    yield enter
    for each in entered:
        each.__exit__(None, None, None)
