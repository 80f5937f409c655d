"""Settings of users."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class UserSettings(SettingsGroup):
    password_hash_concurrency: int = Field(default=2, ge=1, le=64)


group = UserSettings
