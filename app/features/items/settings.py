"""Settings of items."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class ItemSettings(SettingsGroup):
    exports_per_user: int = Field(default=2, ge=1, le=1000)


group = ItemSettings
