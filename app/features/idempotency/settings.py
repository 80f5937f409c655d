"""Settings of idempotency keys."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class IdempotencySettings(SettingsGroup):
    idempotency_keys_per_caller: int = Field(default=10_000, ge=1, le=1_000_000)


group = IdempotencySettings
