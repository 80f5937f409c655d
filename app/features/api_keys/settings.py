"""Settings of API keys."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class ApiKeySettings(SettingsGroup):
    api_key_default_days: int = Field(default=90, ge=1, le=3650)
    api_key_max_days: int = Field(default=365, ge=1, le=3650)
    api_keys_per_user: int = Field(default=50, ge=1, le=10_000)


group = ApiKeySettings
