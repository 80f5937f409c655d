"""Settings of the feature in tests."""

from pathlib import Path
from typing import Any


def settings(_: Path) -> dict[str, Any]:
    return {"event_streams_per_user": 200}  # Many tests share one user's.
