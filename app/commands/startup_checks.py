"""What settings only point at, tried before anything starts.

The lifespan opens all of it, too, but what fails there is a traceback of each worker.
"""

from obstore.exceptions import BaseError

from app.config.settings import ConfigError, Settings
from app.features.auth.signing_keys import signing_keys
from app.features.files.object_storage import create_storage


def check(settings: Settings) -> None:
    """Raises ConfigError: a key cannot be used, or the bucket is not named in full."""
    signing_keys(settings)
    try:
        create_storage(settings.storage_url)
    except BaseError as error:
        # Its first line says what is missing; the others repeat the whole configuration.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"STORAGE_URL is not usable: {reason}.") from None
