"""Types of settings with validation that built-in types lack."""

import json
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from app.config.database_url import check_parameters
from app.config.urls import check_hosts
from app.http.origins import parse_origin
from app.security.client_address import parse_networks
from app.security.rate_limit import Policy

# Those that app/features/files/media_types.py detects; not SVG and HTML, which run scripts.
MediaType = Literal[
    "application/json",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
]

SMTP_SCHEMES = frozenset({"smtp", "smtp+starttls", "smtps"})


def checked_database_url(url: str) -> str:
    """Normalize and validate a URL; the scheme may be that of hosting providers.

    Raises:
        ValueError: the scheme, a host or a parameter is not supported.
    """
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = "postgresql+asyncpg://" + url.removeprefix(scheme)
    if url and not url.startswith("postgresql+asyncpg://"):
        raise ValueError("it must start with postgresql+asyncpg:// or postgresql://")
    check_hosts(url)
    check_parameters(url)
    return url


def checked_redis_url(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://")):
        raise ValueError("it must start with redis:// or rediss://")
    check_hosts(url)
    return url


def checked_smtp_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if url and urlsplit(url).scheme not in SMTP_SCHEMES:
        raise ValueError("it must start with smtp://, smtp+starttls:// or smtps://")
    check_hosts(url)
    return secret


def checked_rate_limit(text: str) -> str:
    Policy.parse(text)
    return text


def checked_networks(text: str) -> str:
    try:
        parse_networks(text)
    except ValueError:
        raise ValueError("it must list addresses or networks, or be *") from None
    return text


def checked_public_url(text: str) -> str:
    origin = parse_origin(text)
    if origin is None:
        raise ValueError("it must read like https://api.example.com, without a path")
    return str(origin)


def checked_origins(texts: list[str]) -> list[str]:
    origins = [text if text == "*" else parse_origin(text) for text in texts]
    if None in origins:
        raise ValueError("each must read like https://app.example.com, without a path")
    return [str(origin) for origin in origins]


def decoded(value: object) -> object:
    """Decode JSON here and not in the settings source, whose error would hide all others."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("it must be valid JSON") from None


def unset_when_empty(value: str | Path | None) -> str | Path | None:
    """Return None for an empty path, which would be the working directory."""
    return value or None


MediaTypes = Annotated[frozenset[MediaType], NoDecode, BeforeValidator(decoded)]
PublicUrl = Annotated[str, AfterValidator(checked_public_url)]
Origins = Annotated[list[str], NoDecode, BeforeValidator(decoded), AfterValidator(checked_origins)]
DatabaseUrl = Annotated[str, AfterValidator(checked_database_url)]
RedisUrl = Annotated[str, AfterValidator(checked_redis_url)]
SmtpUrl = Annotated[SecretStr, AfterValidator(checked_smtp_url)]
RateLimit = Annotated[str, AfterValidator(checked_rate_limit)]
Networks = Annotated[str, AfterValidator(checked_networks)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
OptionalFile = Annotated[Path | None, BeforeValidator(unset_when_empty)]
