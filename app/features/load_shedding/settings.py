"""Settings of load shedding: concurrency, queue and deadline of requests."""

from pydantic import Field

from app.config.setting_types import Seconds
from app.config.settings_group import SettingsGroup


class LoadSheddingSettings(SettingsGroup):
    # About as many as there are database connections: more would only wait for one.
    max_requests_in_flight: int = Field(default=32, ge=1, le=10_000)
    # Half and a quarter, so that a network and a credential leave slots for others.
    max_requests_per_network: int = Field(default=16, ge=1, le=10_000)
    max_requests_per_client: int = Field(default=8, ge=1, le=10_000)
    # Rejecting as many at once takes 25 ms of the event loop; a second is what a user waits.
    max_requests_waiting: int = Field(default=256, ge=0, le=10_000)
    queue_timeout_seconds: Seconds = 1
    # With the wait in the queue; half a second less than the 5 s that clients are promised.
    request_timeout_seconds: Seconds = 4.5


group = LoadSheddingSettings
