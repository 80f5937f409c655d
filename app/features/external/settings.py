"""Settings of the external API."""

from pydantic import Field, SecretStr

from app.config.production import is_plain
from app.config.settings_group import SettingsGroup

PLAIN = "EXTERNAL_API_URL starts with http://, and EXTERNAL_API_KEY is sent to it: use https://."


class ExternalSettings(SettingsGroup):
    external_api_url: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    external_api_key: SecretStr = SecretStr("")

    def unsafe(self) -> dict[str, bool]:
        has_key = bool(self.external_api_key.get_secret_value())
        return {PLAIN: has_key and is_plain(self.external_api_url, "http")}


group = ExternalSettings
