"""Settings for tests: hundreds of requests at once share one loop with their clients."""

from pathlib import Path
from typing import Any


def settings(_: Path) -> dict[str, Any]:
    return {
        "request_timeout_seconds": 60,
        "queue_timeout_seconds": 30,
        "max_requests_waiting": 1000,
    }
