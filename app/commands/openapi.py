"""The OpenAPI document in the repository: each change of the API shows in its diff."""

import json
from pathlib import Path

from app.core.config import ConfigError, Settings
from app.main import create_app

SNAPSHOT = Path("docs/openapi.json")


def rendered() -> str:
    # Of the defaults, whatever the environment of the one who runs it says.
    settings = Settings.model_construct()
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(rendered(), encoding="utf-8")


def check() -> None:
    """Compare the snapshot with the code.

    Raises:
        ConfigError: they differ.
    """
    if not SNAPSHOT.exists() or SNAPSHOT.read_text(encoding="utf-8") != rendered():
        raise ConfigError(f"{SNAPSHOT} is out of step with the code: run `make openapi`.")
