"""Settings of events."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class EventSettings(SettingsGroup):
    event_replay_max: int = Field(default=20_000, ge=1, le=10_000_000)


group = EventSettings
