"""Tests of the fast path need it, also when the suite runs without."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.config.settings import Settings
from app.main import create_app


@pytest.fixture(scope="session")
async def shared_app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings.model_copy(update={"fast_path_enabled": True}))
    async with app.router.lifespan_context(app):
        yield app
