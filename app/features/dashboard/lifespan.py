"""Lifespan: compiles the counting statements from the figures of the enabled features."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.feature import Features
from app.features.dashboard.crud import CountingStatements
from app.features.dashboard.figures import DashboardFigures
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[CountingStatements]:
    features = startup.resources[Features]
    yield CountingStatements.of(features.extensions("dashboard", DashboardFigures))
