"""Types of settings with validation that built-in types lack."""

import json
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from app.config.database_url import check_parameters
from app.config.rate_limit_policy import Policy
from app.network.client_address import parse_networks
from app.network.origins import parse_origin
from app.network.urls import check_hosts


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


PublicUrl = Annotated[str, AfterValidator(checked_public_url)]
Origins = Annotated[list[str], NoDecode, BeforeValidator(decoded), AfterValidator(checked_origins)]
DatabaseUrl = Annotated[str, AfterValidator(checked_database_url)]
RateLimit = Annotated[str, AfterValidator(checked_rate_limit)]
Networks = Annotated[str, AfterValidator(checked_networks)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
