"""Start-up checks: what settings point at is tried before the server starts.

The lifespan opens all of it, too, but an error there is a traceback of each worker.
"""

from app.config.settings import Settings
from app.features import find_modules


def check(settings: Settings) -> None:
    """Run `check(settings)` of each feature that has a module `startup_check`.

    Raises:
        ConfigError: what a setting points at cannot be used.
    """
    for module in find_modules("startup_check"):
        module.check(settings)
