"""Settings: read once from the environment and `.env`, rejected if they are unsafe."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.known_secrets import DEMO_PASSWORD, DEVELOPMENT_SECRET
from app.config.production import MIN_SECRET_BYTES, unsafe_settings
from app.config.setting_errors import sentences_by_name
from app.config.setting_rules import contradictions
from app.config.setting_types import (
    DatabaseUrl,
    MediaType,
    MediaTypes,
    Networks,
    OptionalFile,
    Origins,
    PublicUrl,
    RateLimit,
    RedisUrl,
    Seconds,
    SmtpUrl,
)

__all__ = [
    "DEMO_PASSWORD",
    "DEVELOPMENT_SECRET",
    "MIN_SECRET_BYTES",
    "ConfigError",
    "Settings",
    "get_settings",
    "load_settings",
]


def local_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on this host, which may be an IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class ConfigError(Exception):
    """The settings cannot be used; each line is a sentence for the operator."""


class Settings(BaseSettings):
    """All settings of the service; `.env.example` documents them for operators."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

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
    mail_sender: str = "no-reply@example.com"
    mail_folder: Path = Path(".data/mails")
    smtp_url: SmtpUrl = SecretStr("")
    smtp_plaintext: bool = False
    # If unset, jobs run in the web process in development, and in `app worker` elsewhere.
    run_worker: bool | None = None
    worker_concurrency: int = Field(default=20, ge=1, le=1000)
    forwarded_allow_ips: Networks = ""
    allowed_origins: Origins = []
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    # For anonymous clients. The limit of JSON values applies to all clients.
    max_anonymous_body_bytes: int = Field(default=16 * 1024, ge=1024)
    max_json_values: int = Field(default=32_768, ge=1024)
    require_if_match: bool = False
    docs_enabled: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_requests_in_flight: int = Field(default=400, ge=16)
    adaptive_concurrency: bool = True
    request_timeout_seconds: Seconds = 5
    loop_watchdog_seconds: float = Field(default=30, ge=0, le=3600, allow_inf_nan=False)
    # Named as in OpenTelemetry, whose SDK reads its other variables itself.
    otel_exporter_otlp_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")
    otel_exporter_otlp_traces_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")
    metrics_enabled: bool = True
    metrics_token: SecretStr = SecretStr("")
    worker_metrics_port: int = Field(default=0, ge=0, le=65_535)

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
    database_replica_url: DatabaseUrl = ""
    database_replica_max_lag_seconds: Seconds = 2

    redis_url: RedisUrl = ""
    redis_cluster: bool = False

    external_api_url: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    external_api_key: SecretStr = SecretStr("")

    # Allows webhooks to loopback addresses, over http and to any port.
    webhook_loopback: bool = False
    webhooks_per_user: int = Field(default=20, ge=1, le=1000)
    # Beyond these, waiting events are stored as an offset instead of rows.
    webhook_max_waiting: int = Field(default=1000, ge=1, le=1_000_000)
    webhook_max_waiting_per_user: int = Field(default=5000, ge=1, le=10_000_000)

    # A folder, or s3://bucket/prefix, gs:// or az://, with credentials from the environment.
    storage_url: str = Field(default=".data/files", pattern=r"^((s3|gs|az)://.+|[^:]+)$")
    storage_redirects: bool = False
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1, le=5 * 1024**3)
    upload_quota_bytes: int = Field(default=1024**3, ge=0)
    upload_quota_files: int = Field(default=10_000, ge=0)
    upload_media_types: MediaTypes = frozenset(get_args(MediaType))

    health_cache_seconds: float = Field(default=5, ge=0, le=60, allow_inf_nan=False)
    # Concurrency per user and per process: docs/security.md, "Bounds".
    exports_per_user: int = Field(default=2, ge=1, le=1000)
    exports_per_process: int = Field(default=4, ge=1, le=1000)
    uploads_per_user: int = Field(default=16, ge=1, le=1000)
    uploads_per_process: int = Field(default=64, ge=1, le=10_000)
    upload_timeout_seconds: float = Field(default=900, gt=0, le=3000, allow_inf_nan=False)
    upload_idle_timeout_seconds: Seconds = 20
    event_streams_per_user: int = Field(default=10, ge=1, le=100_000)
    streams_per_process: int = Field(default=2000, ge=1, le=100_000)
    event_replay_max: int = Field(default=20_000, ge=1, le=10_000_000)
    tasks_per_user: int = Field(default=1000, ge=1, le=1_000_000)
    idempotency_keys_per_caller: int = Field(default=10_000, ge=1, le=1_000_000)

    secret_key: SecretStr = SecretStr("")
    algorithm: Literal["HS256", "ES256", "RS256"] = "HS256"
    access_token_expire_minutes: int = Field(default=15, ge=1, le=60)
    # PEM files for ES256 and RS256; the previous key verifies tokens that have not expired.
    signing_key_file: OptionalFile = None
    previous_signing_key_file: OptionalFile = None
    rate_limit_enabled: bool = True
    rate_limit_default: RateLimit = "6000/minute"
    room_messages_limit: RateLimit = "600/minute"
    sockets_per_user: int = Field(default=5, ge=1)
    attempts_per_address: int = Field(default=1000, ge=1)
    mails_per_address: int = Field(default=3, ge=1, le=1000)
    mails_per_account: int = Field(default=10, ge=1, le=1000)
    notifications_per_address: int = Field(default=60, ge=1)
    notifications_per_account: int = Field(default=1000, ge=1)
    api_key_default_days: int = Field(default=90, ge=1, le=3650)
    api_key_max_days: int = Field(default=365, ge=1, le=3650)
    api_keys_per_user: int = Field(default=50, ge=1, le=10_000)
    password_hash_concurrency: int = Field(default=2, ge=1, le=64)
    demo_password: SecretStr = SecretStr(DEMO_PASSWORD)

    @property
    def runs_worker(self) -> bool:
        return self.environment == "development" if self.run_worker is None else self.run_worker

    @property
    def traces_endpoint(self) -> str:
        """The URL for traces, empty if they are not exported; the general one is a collector."""
        collector = self.otel_exporter_otlp_endpoint.rstrip("/")
        general = f"{collector}/v1/traces" if collector else ""
        return self.otel_exporter_otlp_traces_endpoint or general

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

    @model_validator(mode="after")
    def reject_unusable(self) -> Self:
        sentences = unsafe_settings(self) if self.environment == "production" else []
        if sentences := [*sentences, *contradictions(self)]:
            raise ValueError("\n".join(sentences))
        return self


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` come from the command line.

    Raises:
        ConfigError: settings are missing, malformed or unsafe in production; one sentence each.
    """
    try:
        return Settings(**overrides)
    except ValidationError:
        raise ConfigError("\n".join(setting_errors(overrides))) from None


def setting_errors(overrides: dict[str, Any]) -> list[str]:
    """Return a sentence for each setting that cannot be used.

    Production rules are applied to complete settings only, so malformed ones are replaced by
    their defaults, and sentences about the defaults are omitted.
    """
    try:
        Settings(**overrides)
    except ValidationError as error:
        found = sentences_by_name(error)
    else:
        return []
    sentences = [line for text in found.values() for line in text.splitlines()]
    defaults = {name: default_of(name) for name in found if name}
    if not defaults:
        return sentences
    reported = tuple(name.upper() for name in found)
    others = setting_errors(overrides | defaults)
    return sentences + [other for other in others if not other.startswith(reported)]


def default_of(name: str) -> Any:
    fields = Settings.model_fields
    others = {each: field.default for each, field in fields.items()}
    return fields[name].get_default(call_default_factory=True, validated_data=others)


@lru_cache
def get_settings() -> Settings:
    return load_settings()
