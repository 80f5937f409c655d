"""Settings of sign-in."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from app.config.settings_group import SettingsGroup


def unset_when_empty(value: str | Path | None) -> str | Path | None:
    """Return None for an empty path, which would be the working directory."""
    return value or None


OptionalFile = Annotated[Path | None, BeforeValidator(unset_when_empty)]


class AuthSettings(SettingsGroup):
    algorithm: Literal["HS256", "ES256", "RS256"] = "HS256"
    # PEM files for ES256 and RS256; the previous key verifies tokens that have not expired.
    signing_key_file: OptionalFile = None
    previous_signing_key_file: OptionalFile = None
    access_token_expire_minutes: int = Field(default=15, ge=1, le=60)
    attempts_per_address: int = Field(default=1000, ge=1)
    mails_per_address: int = Field(default=3, ge=1, le=1000)
    mails_per_account: int = Field(default=10, ge=1, le=1000)


group = AuthSettings
