"""Start-up check: the keys that sign access tokens can be used."""

from app.config.settings import Settings
from app.features.auth.signing_keys import signing_keys


def check(settings: Settings) -> None:
    """Validate the signing keys.

    Raises:
        ConfigError: a key cannot be used.
    """
    signing_keys(settings)
