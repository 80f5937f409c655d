"""Settings of the read replica."""

from app.config.production import guessable_passwords
from app.config.setting_types import DatabaseUrl, Seconds
from app.config.settings_group import SettingsGroup


class ReplicaSettings(SettingsGroup):
    database_replica_url: DatabaseUrl = ""
    database_replica_max_lag_seconds: Seconds = 2

    def unsafe(self) -> dict[str, bool]:
        return guessable_passwords(self, "database_replica_url")


group = ReplicaSettings
