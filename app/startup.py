"""Startup: context in which the lifespans of features open resources and register callbacks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.config.rate_limit_policy import Policy
from app.config.settings import Settings
from app.db.notifications import Notifications
from app.http.health import HealthChecks
from app.resources import Resources
from app.runtime.background import BackgroundLoop
from app.runtime.drain import Drain
from app.security.rate_limit import CreateWindows, LocalWindows, Windows

CreateListener = Callable[[Notifications], BackgroundLoop]
Sample = Callable[[], None]


@dataclass
class Startup:
    """The state of a process during its start.

    Lifespans of features run in the order of their requirements. Loops start after the last of
    them, in the order of `run`, and end in the reverse order before the first of them ends.
    """

    settings: Settings
    resources: Resources
    notifications: Notifications
    drain: Drain
    health: HealthChecks
    create_listener: CreateListener
    """Creates the loop that receives notifications; a feature may replace it."""
    create_windows: CreateWindows = LocalWindows
    """Creates the windows of a rate limit; a feature may replace it."""
    samplers: list[Sample] = field(default_factory=list)
    """Functions that set gauges; the feature prometheus calls them about once a second."""
    loops: list[BackgroundLoop] = field(default_factory=list)
    worker_loops: list[BackgroundLoop] = field(default_factory=list)

    def windows(self, quota: str) -> Windows | None:
        """Create the windows of a quota such as `1000/minute`; None if limits are disabled."""
        is_enabled = self.settings.rate_limit_enabled
        return self.create_windows(Policy.parse(quota)) if is_enabled else None

    def run(self, *loops: BackgroundLoop, only_in_worker: bool = False) -> None:
        """Register loops that run as long as the process, optionally only in workers."""
        (self.worker_loops if only_in_worker else self.loops).extend(loops)
