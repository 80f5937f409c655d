"""Start-up checks: verify the resources that settings name before the server starts.

The lifespan opens the same resources, but an error there is a traceback of each worker.
"""

from importlib.util import find_spec

from app.config.settings import ConfigError, Settings
from app.features import find_modules

# The image has none; docker-compose.yml mounts them.
NO_DEVTOOLS = "ENVIRONMENT=development needs app/devtools: mount the code, or use production."


def check(settings: Settings) -> None:
    """Run `check(settings)` of each feature that has a module `startup_check`.

    Raises:
        ConfigError: a resource that a setting names cannot be used.
    """
    if settings.environment == "development" and not find_spec("app.devtools"):
        raise ConfigError(NO_DEVTOOLS)
    for module in find_modules("startup_check"):
        module.check(settings)
