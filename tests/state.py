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


def resources_of(app: FastAPI) -> Resources:
    resources: Resources = app.state.resources
    return resources


def units_of_work(app: FastAPI) -> UnitOfWorkFactory:
    return resources_of(app)[DatabaseResources].units_of_work


def reads_of(app: FastAPI) -> PoolReader:
    return resources_of(app)[DatabaseResources].reads


@contextmanager
def replaced(app: FastAPI, kind: type[Any], **parts: Any) -> Iterator[None]:
    """Replace fields of a resource dataclass of the application inside the block."""
    own = resources_of(app)[kind]
    resources_of(app).add(replace(own, **parts))
    try:
        yield
    finally:
        resources_of(app).add(own)
