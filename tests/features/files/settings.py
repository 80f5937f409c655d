"""Settings of the feature in tests."""

from pathlib import Path
from typing import Any


def settings(folder: Path) -> dict[str, Any]:
    return {"storage_url": str(folder)}
