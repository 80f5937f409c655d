"""Settings of Redis."""

from typing import Annotated

from pydantic import AfterValidator

from app.config.production import guessable_passwords
from app.config.settings_group import SettingsGroup
from app.network.urls import check_hosts


def checked_redis_url(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://")):
        raise ValueError("it must start with redis:// or rediss://")
    check_hosts(url)
    return url


class RedisSettings(SettingsGroup):
    redis_url: Annotated[str, AfterValidator(checked_redis_url)] = ""
    redis_cluster: bool = False

    def unsafe(self) -> dict[str, bool]:
        return guessable_passwords(self, "redis_url")


group = RedisSettings
