"""Start-up checks: verify the resources that settings name before the server starts.

The lifespan opens the same resources, but an error there is a traceback of each worker.
"""

from importlib.util import find_spec

from app.config.settings import ConfigError, Settings
from app.features import find_modules


def check(settings: Settings) -> None:
    """Run `check(settings)` of each feature that has a module `startup_check`.

    Raises:
        ConfigError: a resource that a setting names cannot be used.
    """
    if settings.environment == "development" and not find_spec("app.devtools"):
        raise ConfigError(
            "ENVIRONMENT=development needs app/devtools, which the image leaves out: "
            "mount the code as docker-compose.yml does, or set ENVIRONMENT=production."
        )
    for module in find_modules("startup_check"):
        module.check(settings)
