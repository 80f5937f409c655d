"""Commands that generate and rotate the keys that sign access tokens."""

import os
from pathlib import Path
from typing import Literal

from app.config.settings import ConfigError
from app.features.auth.settings import AuthSettings
from app.features.auth.signing_keys import generate_pem


def generate(file: Path, algorithm: Literal["ES256", "RS256"]) -> None:
    """Write a new private key that only its owner can read.

    Raises:
        ConfigError: the file exists already (a key is never overwritten) or cannot be written.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"Cannot write the key {file}: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(generate_pem(algorithm))
    print(f"Wrote {file}; sign with it by ALGORITHM={algorithm} and SIGNING_KEY_FILE={file}.")


def rotate(settings: AuthSettings) -> None:
    """Replace the signing key with a new one; the old key becomes the previous key.

    Raises:
        ConfigError: signing is symmetric, or one of the two files is not configured.
    """
    current, previous = settings.signing_key_file, settings.previous_signing_key_file
    if settings.algorithm == "HS256" or current is None or previous is None:
        raise ConfigError(
            "Rotation needs ALGORITHM=ES256 or RS256, SIGNING_KEY_FILE and "
            "PREVIOUS_SIGNING_KEY_FILE."
        )
    fresh = current.with_suffix(".new")
    generate(fresh, settings.algorithm)
    current.replace(previous)
    fresh.replace(current)
    print("Restart the service: it signs with the new key and still reads tokens of the old one.")
