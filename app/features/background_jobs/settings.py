"""Settings of background jobs."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class JobSettings(SettingsGroup):
    worker_concurrency: int = Field(default=20, ge=1, le=1000)


group = JobSettings
