"""Settings of the Prometheus endpoint."""

from pydantic import Field, SecretStr

from app.config.known_secrets import TOKEN_DIGITS, is_guessable
from app.config.production import NEW_SECRET
from app.config.settings_group import SettingsGroup

MIN_TOKEN_BYTES = 16


class PrometheusSettings(SettingsGroup):
    metrics_enabled: bool = True
    metrics_token: SecretStr = SecretStr("")
    worker_metrics_port: int = Field(default=0, ge=0, le=65_535)

    def unsafe(self) -> dict[str, bool]:
        token = self.metrics_token.get_secret_value()
        is_weak = len(token.encode()) < MIN_TOKEN_BYTES or is_guessable(token, TOKEN_DIGITS)
        return {
            f"METRICS_TOKEN is shorter than 16 bytes or easy to guess: {NEW_SECRET}": (
                bool(token) and is_weak
            )
        }


group = PrometheusSettings
