"""Settings for tests: the watchdog would end them while a debugger is paused."""

from pathlib import Path
from typing import Any


def settings(_: Path) -> dict[str, Any]:
    return {"loop_watchdog_seconds": 0}
