"""Settings of tasks."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class TaskSettings(SettingsGroup):
    tasks_per_user: int = Field(default=1000, ge=1, le=1_000_000)


group = TaskSettings
