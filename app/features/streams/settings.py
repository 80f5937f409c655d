"""Settings of streams: WebSockets and event streams."""

from pydantic import Field

from app.config.setting_types import RateLimit
from app.config.settings_group import SettingsGroup


class StreamSettings(SettingsGroup):
    streams_per_process: int = Field(default=2000, ge=1, le=100_000)
    event_streams_per_user: int = Field(default=10, ge=1, le=100_000)
    sockets_per_user: int = Field(default=5, ge=1)
    room_messages_limit: RateLimit = "600/minute"


group = StreamSettings
