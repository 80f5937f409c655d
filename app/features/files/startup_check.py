"""Start-up check: the storage is named in full."""

from obstore.exceptions import BaseError

from app.config.settings import ConfigError, Settings
from app.features.files.object_storage import create_storage


def check(settings: Settings) -> None:
    """Raises ConfigError: the bucket is not named in full."""
    try:
        create_storage(settings.storage_url)
    except BaseError as error:
        # Its first line says what is missing; the others repeat the whole configuration.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"STORAGE_URL is not usable: {reason}.") from None
