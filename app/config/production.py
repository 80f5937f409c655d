"""Production rules: settings that must not reach production, one sentence with a remedy each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.config.known_secrets import (
    DEVELOPMENT_SECRET,
    KEY_DIGITS,
    LOOPBACK,
    has_guessable_password,
    is_guessable,
    is_known_secret,
)
from app.network.client_address import parse_networks

if TYPE_CHECKING:
    from app.config.settings import Settings
    from app.config.settings_group import SettingsGroup

MIN_SECRET_BYTES = 32
# The largest private networks: 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193).
MIN_PREFIX = {4: 8, 6: 7}
NEW_SECRET = "set one made by `openssl rand -hex 32`."


def unsafe_settings(settings: Settings) -> dict[str, bool]:
    """Return a sentence for each rule of production, and whether the settings break it."""
    return {
        **unsafe_secrets(settings),
        **unsafe_switches(settings),
        **unsafe_addresses(settings),
        **unsafe_databases(settings),
    }


def unsafe_secrets(settings: Settings) -> dict[str, bool]:
    secret = settings.secret_key.get_secret_value()
    is_short = len(secret.encode()) < MIN_SECRET_BYTES
    is_development, is_known = secret == DEVELOPMENT_SECRET, is_known_secret(secret)
    is_weak = not (is_short or is_development or is_known) and is_guessable(secret, KEY_DIGITS)
    return {
        f"SECRET_KEY is empty or shorter than 32 bytes: {NEW_SECRET}": is_short,
        f"SECRET_KEY is the development secret that is public: {NEW_SECRET}": is_development,
        f"SECRET_KEY is published in a tutorial: {NEW_SECRET}": is_known,
        f"SECRET_KEY is easy to guess: {NEW_SECRET}": is_weak,
    }


def reused_secrets(settings: Settings, *features: SettingsGroup) -> Iterator[str]:
    """Iterate over a sentence for each secret of a feature that is the SECRET_KEY."""
    for name, value in chain.from_iterable(features):
        if value == settings.secret_key and value.get_secret_value():
            yield f"{name.upper()} is the SECRET_KEY, which others must not know: {NEW_SECRET}"


def unsafe_switches(settings: Settings) -> dict[str, bool]:
    return {
        "DEBUG is on: set DEBUG=false.": settings.debug,
        "DEMO_PASSWORD is set, and production has no demonstration accounts: remove it.": (
            "demo_password" in settings.model_fields_set
        ),
    }


def unsafe_addresses(settings: Settings) -> dict[str, bool]:
    networks = parse_networks(settings.forwarded_allow_ips)
    origins = [urlsplit(origin) for origin in settings.allowed_origins if origin != "*"]
    is_public_url_set = "public_url" in settings.model_fields_set
    return {
        "PUBLIC_URL is not set, and links in mails start with it: set it to the https:// address "
        "of the service.": not is_public_url_set,
        "PUBLIC_URL starts with http://, and links in mails carry secrets: set it to the https:// "
        "address of the service.": is_public_url_set and settings.public_url.startswith("http:"),
        "ALLOWED_ORIGINS contains `*`: name the origins of your front ends.": "*"
        in settings.allowed_origins,
        "ALLOWED_ORIGINS contains an http:// origin, whose pages an attacker on the network can "
        "change: name origins with https://.": any(origin.scheme == "http" for origin in origins),
        "FORWARDED_ALLOW_IPS trusts every peer, so that clients choose their own address: name the "
        "networks of your proxies.": any(
            network.prefixlen < MIN_PREFIX[network.version] for network in networks
        ),
    }


def unsafe_databases(settings: Settings) -> dict[str, bool]:
    urls = ("database_url", "database_direct_url", "migrations_database_url")
    missing = "DATABASE_URL is empty: name the PostgreSQL server."
    return {missing: not settings.database_url, **guessable_passwords(settings, *urls)}


def guessable_passwords(settings: SettingsGroup, *names: str) -> dict[str, bool]:
    """Return the sentences about the passwords in URLs."""
    return {
        f"{name.upper()} has a password that is easy to guess: set another one.": (
            has_guessable_password(getattr(settings, name))
        )
        for name in names
    }


def is_plain(text: str, scheme: str) -> bool:
    """Return whether requests to the URL cross a network without TLS, by its scheme."""
    url = urlsplit(text)
    return url.scheme == scheme and url.hostname not in LOOPBACK
