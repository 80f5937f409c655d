"""Start-up checks: verify the resources that settings name before the server starts.

The lifespan opens the same resources, but an error there is a traceback of each worker.
"""

from app.config.settings import Settings
from app.features import find_modules


def check(settings: Settings) -> None:
    """Run `check(settings)` of each feature that has a module `startup_check`.

    Raises:
        ConfigError: a resource that a setting names cannot be used.
    """
    for module in find_modules("startup_check"):
        module.check(settings)
