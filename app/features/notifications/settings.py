"""Settings of notifications."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class NotificationSettings(SettingsGroup):
    notifications_per_address: int = Field(default=60, ge=1)
    notifications_per_account: int = Field(default=1000, ge=1)


group = NotificationSettings
