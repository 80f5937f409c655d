"""Start-up check: the storage configuration is complete."""

from obstore.exceptions import BaseError

from app.config.settings import ConfigError, Settings
from app.features.files.object_storage import create_storage
from app.features.files.settings import FileSettings


def check(settings: Settings) -> None:
    """Validate the storage configuration.

    Raises:
        ConfigError: the configuration of the bucket is incomplete.
    """
    try:
        create_storage(settings.of(FileSettings).storage_url)
    except BaseError as error:
        # The first line names what is missing; the others repeat the whole configuration.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"STORAGE_URL is not usable: {reason}.") from None
