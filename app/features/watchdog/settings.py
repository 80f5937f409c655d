"""Settings of the watchdog."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class WatchdogSettings(SettingsGroup):
    loop_watchdog_seconds: float = Field(default=30, ge=0, le=3600, allow_inf_nan=False)


group = WatchdogSettings
