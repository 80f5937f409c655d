"""Settings of webhooks."""

from pydantic import Field

from app.config.settings_group import SettingsGroup

LOOPBACK = (
    "WEBHOOK_LOOPBACK is on, and webhooks could reach what listens on this machine: set "
    "WEBHOOK_LOOPBACK=false."
)


class WebhookSettings(SettingsGroup):
    # Allows webhooks to loopback addresses, over http and to any port.
    webhook_loopback: bool = False
    webhooks_per_user: int = Field(default=20, ge=1, le=1000)
    # Beyond these, waiting events are stored as an offset instead of rows.
    webhook_max_waiting: int = Field(default=1000, ge=1, le=1_000_000)
    webhook_max_waiting_per_user: int = Field(default=5000, ge=1, le=10_000_000)

    def unsafe(self) -> dict[str, bool]:
        return {LOOPBACK: self.webhook_loopback}


group = WebhookSettings
