"""Settings: read once from the environment and `.env`, refused when unsafe."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.core.known_secrets import has_known_password, is_known_secret
from app.core.setting_types import (
    DatabaseUrl,
    MediaType,
    Networks,
    OptionalFile,
    RateLimit,
    RedisUrl,
    Seconds,
    SmtpUrl,
)

# Known to everybody who reads this file: good for a laptop, refused in production.
DEVELOPMENT_SECRET = "development-only-secret-never-use-it-in-production"
DEMO_PASSWORD = "demonstration-only"
MIN_SECRET_BYTES = 32


class ConfigError(Exception):
    """The settings cannot be used; the message is one sentence for the operator."""


class Settings(BaseSettings):
    """Every setting of the service; `.env.example` explains each to operators."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "test", "production"] = "development"
    debug: bool = False
    project_name: str = "Reference API"
    version: str = "0.1.0"
    description: str = "A production REST API service, small enough to read in an evening."
    api_v1_str: str = Field(default="/api/v1", pattern=r"^(/[a-z0-9_-]+)+$")
    security_contact: str = "mailto:security@example.com"

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    public_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^/]+$")
    mail_sender: str = "no-reply@example.com"
    mail_folder: Path = Path(".data/mails")
    smtp_url: SmtpUrl = SecretStr("")
    # Unset: in the web process in development, and by `app worker` elsewhere.
    run_worker: bool | None = None
    worker_concurrency: int = Field(default=20, ge=1, le=1000)
    forwarded_allow_ips: Networks = ""
    allowed_origins: list[str] = []
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    # Of a client that is not authenticated. Names and elements in JSON are counted for all.
    max_anonymous_body_bytes: int = Field(default=16 * 1024, ge=1024)
    max_json_values: int = Field(default=32_768, ge=1024)
    require_if_match: bool = False
    docs_enabled: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_requests_in_flight: int = Field(default=400, ge=16)
    request_timeout_seconds: Seconds = 5
    loop_watchdog_seconds: float = Field(default=30, ge=0, le=3600, allow_inf_nan=False)
    # The names are those of OpenTelemetry, whose SDK reads its other variables by itself.
    otel_exporter_otlp_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")
    otel_exporter_otlp_traces_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")
    metrics_enabled: bool = True
    metrics_token: SecretStr = SecretStr("")
    worker_metrics_port: int = Field(default=0, ge=0, le=65_535)

    database_url: DatabaseUrl = ""
    database_pool_size: int = Field(default=10, ge=1)
    database_max_overflow: int = Field(default=5, ge=0)
    database_pool_timeout_seconds: Seconds = 1
    database_pool_recycle_seconds: int = Field(default=1800, ge=1)
    database_pool_pre_ping: bool = True
    database_connect_timeout_seconds: Seconds = 1
    database_command_timeout_seconds: Seconds = 3
    database_read_pool_size: int = Field(default=10, ge=1)
    database_direct_pool_size: int = Field(default=5, ge=1)
    # In transaction mode; then the direct URL leads past it, for what needs a session.
    database_pgbouncer: bool = False
    database_direct_url: DatabaseUrl = ""
    database_replica_url: DatabaseUrl = ""
    database_replica_max_lag_seconds: Seconds = 2

    redis_url: RedisUrl = ""
    redis_cluster: bool = False

    external_api_url: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    external_api_key: SecretStr = SecretStr("")

    # Webhooks may also go to this machine, by http and to any port.
    webhook_loopback: bool = False

    # A folder, or s3://bucket/prefix, gs:// or az://, with credentials from the environment.
    storage_url: str = Field(default=".data/files", pattern=r"^((s3|gs|az)://.+|[^:]+)$")
    storage_redirects: bool = False
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1, le=5 * 1024**3)
    upload_quota_bytes: int = Field(default=1024**3, ge=0)
    upload_quota_files: int = Field(default=10_000, ge=0)
    upload_media_types: frozenset[MediaType] = frozenset(get_args(MediaType))

    secret_key: SecretStr = SecretStr("")
    algorithm: Literal["HS256", "ES256", "RS256"] = "HS256"
    access_token_expire_minutes: int = Field(default=15, ge=1, le=60)
    # PEM files for ES256 and RS256; the previous one is still read while tokens of it live.
    signing_key_file: OptionalFile = None
    previous_signing_key_file: OptionalFile = None
    rate_limit_enabled: bool = True
    rate_limit_default: RateLimit = "6000/minute"
    room_messages_limit: RateLimit = "600/minute"
    sockets_per_user: int = Field(default=5, ge=1)
    attempts_per_address: int = Field(default=1000, ge=1)
    password_hash_concurrency: int = Field(default=2, ge=1, le=64)
    demo_password: SecretStr = SecretStr(DEMO_PASSWORD)

    @property
    def runs_worker(self) -> bool:
        return self.environment == "development" if self.run_worker is None else self.run_worker

    @property
    def traces_endpoint(self) -> str:
        """Where traces go, or nothing for nowhere; the general endpoint is that of a collector."""
        collector = self.otel_exporter_otlp_endpoint.rstrip("/")
        general = f"{collector}/v1/traces" if collector else ""
        return self.otel_exporter_otlp_traces_endpoint or general

    @property
    def signing_secret(self) -> str:
        return self.secret_key.get_secret_value() or DEVELOPMENT_SECRET

    @property
    def session_url(self) -> str:
        """The database for what outlives a transaction: LISTEN, migrations, dumps."""
        return self.database_direct_url or self.database_url

    @model_validator(mode="after")
    def refuse_pgbouncer_alone(self) -> Self:
        if self.database_pgbouncer and not self.database_direct_url:
            raise ValueError(
                "DATABASE_PGBOUNCER needs DATABASE_DIRECT_URL, the server behind it: "
                "notifications and migrations need a session."
            )
        return self

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> Self:
        if self.environment == "production":
            for sentence in unsafe_settings(self):
                raise ValueError(sentence)
        return self


def unsafe_settings(settings: Settings) -> list[str]:
    """Say what must not reach production, one sentence with its remedy each."""
    secret = settings.secret_key.get_secret_value()
    databases = (
        settings.database_url,
        settings.database_direct_url,
        settings.database_replica_url,
    )
    found = {
        "SECRET_KEY is empty or shorter than 32 bytes: set one made by "
        "`openssl rand -hex 32`.": len(secret.encode()) < MIN_SECRET_BYTES,
        "SECRET_KEY is the development secret that everybody can read: set one made by "
        "`openssl rand -hex 32`.": secret == DEVELOPMENT_SECRET,
        "SECRET_KEY is one that stands in a tutorial: set one made by "
        "`openssl rand -hex 32`.": is_known_secret(secret),
        "DEBUG is on: set DEBUG=false.": settings.debug,
        "ALLOWED_ORIGINS contains `*`: name the origins of your front ends.": "*"
        in settings.allowed_origins,
        "DATABASE_URL is empty: name the PostgreSQL server.": not settings.database_url,
        "DATABASE_URL has a password that is tried first: give the role another.": any(
            map(has_known_password, databases)
        ),
        "WEBHOOK_LOOPBACK is on, and webhooks could reach what listens on this machine: set "
        "WEBHOOK_LOOPBACK=false.": settings.webhook_loopback,
    }
    return [sentence for sentence, is_unsafe in found.items() if is_unsafe]


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` come from the command line.

    Raises:
        ConfigError: one is missing, malformed or unsafe in production.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(sentence_for(error)) from None
    except SettingsError as error:
        # It names the field in quotes; what it wraps may show a part of the value.
        name = str(error).split('"')[1].upper()
        raise ConfigError(f"{name} is not usable: it must be valid JSON.") from None


def sentence_for(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    # What follows is a place in the value of a list, and no part of the name.
    name = str(first["loc"][0]).upper() if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{name} is not usable: {message}" if name else message


@lru_cache
def get_settings() -> Settings:
    return load_settings()
