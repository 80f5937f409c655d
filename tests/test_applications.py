"""Applications that are started again are like new ones."""

from typing import Any

from app.config.settings import Settings
from app.main import create_app
from tests.applications import OF_ROUTES, reconfigured
from tests.conftest import Running, new_client


def recording(settings: Settings, read: set[str]) -> Settings:
    """Return a copy that adds the name of each setting to `read` when its value is used."""

    class Recording(Settings):
        def __getattribute__(self, name: str) -> Any:
            if name in Settings.model_fields:
                read.add(name)
            return super().__getattribute__(name)

    copy = settings.model_copy()
    object.__setattr__(copy, "__class__", Recording)
    return copy


def test_reconfiguration_uses_every_setting_but_those_of_the_routes(settings: Settings) -> None:
    by_creation, by_reconfiguration = set[str](), set[str]()

    app = create_app(recording(settings, by_creation))
    reconfigured(app, recording(settings, by_reconfiguration))

    assert "allowed_origins" in by_reconfiguration
    assert by_creation - by_reconfiguration <= OF_ROUTES


async def nothing() -> None:
    """Serve an added route."""


async def test_next_application_has_neither_settings_nor_routes_of_the_last(
    running: Running,
) -> None:
    origin = {"Origin": "https://front.example"}
    async with running(allowed_origins=[origin["Origin"]]) as first, new_client(first) as client:
        first.add_api_route("/added", nothing)
        allowed = await client.get("/liveness", headers=origin)
    async with running() as second, new_client(second) as client:
        refused = await client.get("/liveness", headers=origin)
        added = await client.get("/added")

    assert second is first
    assert "Access-Control-Allow-Origin" in allowed.headers
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert added.status_code == 404
