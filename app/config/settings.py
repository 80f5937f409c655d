"""Settings of the service: those of the kernel, and the groups that features declare.

Read once from the environment and `.env`, and rejected if they are unsafe.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, Self, TypeVar, cast

from pydantic import Field, PrivateAttr, SecretStr

from app.config.database_url import parameters
from app.config.known_secrets import DEMO_PASSWORD, DEVELOPMENT_SECRET
from app.config.production import reused_secrets, unsafe_settings
from app.config.setting_types import (
    DatabaseUrl,
    Networks,
    Origins,
    PublicUrl,
    RateLimit,
    Seconds,
)
from app.config.settings_group import Reading, SettingsGroup, read
from app.features import find_modules

G = TypeVar("G", bound=SettingsGroup)

NO_SESSION = (
    "DATABASE_PGBOUNCER needs DATABASE_DIRECT_URL, the server behind it: notifications and "
    "migrations need a session."
)
REJECTED_OPTIONS = (
    "DATABASE_URL has options, which PgBouncer rejects: give them to the role with "
    "ALTER ROLE ... SET."
)


def local_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on this host, which may be an IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class ConfigError(Exception):
    """The settings cannot be used; each line is a sentence for the operator."""


class Settings(SettingsGroup):
    """Settings of the kernel; `of` returns the group of a feature."""

    _features: Mapping[type[SettingsGroup], SettingsGroup] = PrivateAttr(default_factory=dict)

    environment: Literal["development", "test", "production"] = "development"
    debug: bool = False
    project_name: str = "Reference API"
    version: str = "0.1.0"
    description: str = "A reference for production REST API services in Python."
    api_v1_str: str = Field(default="/api/v1", pattern=r"^(/[a-z0-9_-]+)+$")
    security_contact: str = "mailto:security@example.com"

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    # If unset outside production, Link and Location begin with the Host of the request.
    public_url: PublicUrl = Field(
        default_factory=lambda data: local_url(data.get("host", ""), data.get("port", 0))
    )
    # If unset, jobs run in the web process in development, and in `app worker` elsewhere.
    run_worker: bool | None = None
    forwarded_allow_ips: Networks = ""
    allowed_origins: Origins = Field(default=[])
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    # For anonymous clients. The limit of JSON values applies to all clients.
    max_anonymous_body_bytes: int = Field(default=16 * 1024, ge=1024)
    max_json_values: int = Field(default=32_768, ge=1024)
    require_if_match: bool = False
    docs_enabled: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: DatabaseUrl = ""
    database_pool_size: int = Field(default=10, ge=1)
    database_pool_timeout_seconds: Seconds = 1
    database_pool_recycle_seconds: int = Field(default=1800, ge=1)
    database_connect_timeout_seconds: Seconds = 1
    database_command_timeout_seconds: Seconds = 3
    # In transaction mode; the direct URL bypasses PgBouncer for features that need a session.
    database_pgbouncer: bool = False
    database_direct_url: DatabaseUrl = ""
    # For the role that owns the tables; the role of the service has fewer privileges.
    migrations_database_url: DatabaseUrl = ""
    # Each export holds one connection of the read pool: docs/security.md, "Bounds".
    exports_per_process: int = Field(default=4, ge=1, le=1000)

    health_cache_seconds: float = Field(default=5, ge=0, le=60, allow_inf_nan=False)
    health_timeout_seconds: float = Field(default=2, gt=0, le=60, allow_inf_nan=False)

    secret_key: SecretStr = SecretStr("")
    rate_limit_enabled: bool = True
    rate_limit_default: RateLimit = "6000/minute"
    demo_password: SecretStr = SecretStr(DEMO_PASSWORD)

    @property
    def runs_worker(self) -> bool:
        return self.environment == "development" if self.run_worker is None else self.run_worker

    @property
    def signing_secret(self) -> str:
        return self.secret_key.get_secret_value() or DEVELOPMENT_SECRET

    @property
    def session_url(self) -> str:
        """The database for features that need a session, such as LISTEN."""
        return self.database_direct_url or self.database_url

    @property
    def owner_url(self) -> str:
        """The database for the owner of its tables: migrations, dumps."""
        return self.migrations_database_url or self.session_url

    def unsafe(self) -> dict[str, bool]:
        return unsafe_settings(self)

    def contradictions(self) -> dict[str, bool]:
        is_pooled = self.database_pgbouncer
        return {
            NO_SESSION: is_pooled and not self.database_direct_url,
            REJECTED_OPTIONS: is_pooled and "options" in parameters(self.database_url),
        }

    @property
    def features(self) -> Iterable[SettingsGroup]:
        return self._features.values()

    def of(self, kind: type[G]) -> G:
        """Return the group of a feature.

        Raises:
            KeyError: the feature is disabled, or the settings were not made by `load_settings`.
        """
        return cast("G", self._features[kind])

    def with_features(self, groups: Iterable[SettingsGroup]) -> Self:
        """Replace the groups of the features, and return these settings."""
        self._features = {type(group): group for group in groups}
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with other values, which are not validated; features receive those of their names.

        Raises:
            TypeError: a name is not that of a setting.
        """
        changes = dict(update or {})
        reject_unknown(changes, [type(self), *self._features])
        groups = [each.model_copy(update=part(changes, type(each))) for each in self.features]
        copy = super().model_copy(update=part(changes, type(self)), deep=deep)
        return copy.with_features(groups)


def part(values: Mapping[str, Any], kind: type[SettingsGroup]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in kind.model_fields}


def reject_unknown(names: Iterable[str], kinds: Iterable[type[SettingsGroup]]) -> None:
    known = {name for kind in kinds for name in kind.model_fields}
    if unknown := sorted(set(names) - known):
        raise TypeError(f"No such setting: {', '.join(unknown)}.")


def feature_groups() -> Iterator[type[SettingsGroup]]:
    """Iterate over the groups that enabled features declare, in the order of FEATURES."""
    for module in find_modules("settings"):
        yield module.group


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of the kernel and of each feature; `overrides` come from the command line.

    Raises:
        ConfigError: settings are missing, malformed or unsafe in production; one sentence each.
        TypeError: an override is not the name of a setting.
    """
    kinds = list(feature_groups())
    reject_unknown(overrides.keys() - {"_env_file"}, [Settings, *kinds])
    kernel = read(Settings, overrides)
    features: list[Reading[SettingsGroup]] = [read(kind, overrides) for kind in kinds]
    if problems := list(problems_of(kernel, *features, environment=kernel.group.environment)):
        raise ConfigError("\n".join(problems))
    return kernel.group.with_features(each.group for each in features)


def problems_of(*readings: Reading[Any], environment: str) -> Iterator[str]:
    for each in readings:
        yield from each.malformed.values()
    for each in readings:
        yield from each.broken_rules(is_production=environment == "production")
    if environment == "production":
        yield from reused_secrets(*(each.group for each in readings))


def default_settings() -> Settings:
    """Return the defaults, without the environment and `.env`."""
    groups = (kind.model_construct() for kind in feature_groups())
    return Settings.model_construct().with_features(groups)


@lru_cache
def get_settings() -> Settings:
    return load_settings()
