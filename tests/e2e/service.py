"""The service as operators run it, which the drills start in the same way."""

from benchmarks.service import (
    ROOT,
    Service,
    app_command,
    free_port,
    plain_client,
    running_service,
    started_service,
    state,
    stop,
    wait_until,
)

__all__ = [
    "ROOT",
    "Service",
    "app_command",
    "free_port",
    "plain_client",
    "running_service",
    "started_service",
    "state",
    "stop",
    "wait_until",
]
