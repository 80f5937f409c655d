"""The resources of a running application, and their replacement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from app.db.executor import PoolReader
from app.db.resources import DatabaseResources
from app.db.unit_of_work import UnitOfWorkFactory
from app.resources import Resources


def opened(app: FastAPI) -> Resources:
    resources: Resources = app.state.resources
    return resources


def units_of_work(app: FastAPI) -> UnitOfWorkFactory:
    return opened(app)[DatabaseResources].units_of_work


def reads_of(app: FastAPI) -> PoolReader:
    return opened(app)[DatabaseResources].reads


@contextmanager
def replaced(app: FastAPI, kind: type[Any], **parts: Any) -> Iterator[None]:
    """Let the application work with other parts of a dataclass of resources inside the block."""
    own = opened(app)[kind]
    opened(app).add(replace(own, **parts))
    try:
        yield
    finally:
        opened(app).add(own)
