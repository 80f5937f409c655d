"""The fast path is optional: plain FastAPI serves where it is disabled or cannot be used."""

import subprocess
import sys

import pytest

from app.config.settings import Settings
from app.features.fast_path.acceleration import unusable
from app.features.fast_path.routing import RouteTable
from app.http.routes import ServiceRoute
from app.main import create_app

# What another version of FastAPI may do.
NAME_IS_GONE = """
from fastapi.dependencies import models
del models._get_cache_key
"""
FIELD_IS_NEW = """
import dataclasses
from fastapi.dependencies import models
models.Dependant = dataclasses.make_dataclass(
    "Dependant", [("retries", int, 0)], bases=(models.Dependant,)
)
"""
VERSION_IS_NEW = """
import fastapi
fastapi.__version__ = "0.999.0"
"""
ACCELERATE = """
from fastapi import FastAPI
from app.features.fast_path.acceleration import install
app = FastAPI()
before = [*app.routes]
install(app)
assert app.routes == before
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (NAME_IS_GONE, "_get_cache_key"),
        (FIELD_IS_NEW, "retries"),
        (VERSION_IS_NEW, "not tested with FastAPI 0.999.0"),
    ],
)
def test_failed_assumption_leaves_the_routes_with_one_warning(change: str, reason: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", change + ACCELERATE],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    (line,) = result.stdout.splitlines()
    assert "fast path unusable, plain FastAPI serves" in line
    assert reason in line


def test_installed_version_is_usable() -> None:
    assert unusable() == ""


@pytest.mark.parametrize("is_enabled", [True, False])
def test_setting_enables_it(settings: Settings, is_enabled: bool) -> None:
    app = create_app(settings.model_copy(update={"fast_path_enabled": is_enabled}))

    services = [route for route in app.routes if isinstance(route, ServiceRoute)]
    assert any(isinstance(route, RouteTable) for route in app.routes) is is_enabled
    assert any(route.shortcut for route in services) is is_enabled
