"""Validation of database URLs: each libpq parameter is supported, or rejected at the start.

https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# Supported values of parameters that do not support all of them.
CHOICES: dict[str, tuple[str, ...]] = {
    "sslmode": SSL_MODES,
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": TLS_VERSIONS,
    "ssl_max_protocol_version": TLS_VERSIONS,
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "keepalives": ("1",),
    "sslsni": ("1",),
}
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
# The driver reads these; all other supported parameters are removed from its URL.
DRIVER_PARAMETERS = frozenset(
    {
        *("sslmode", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"),
        *("target_session_attrs", "host", "port", "user", "password", "dbname", "options"),
        *("sslpassword", "service", "krbsrvname", "gsslib", *FILES),
    }
)
SERVICE_PARAMETERS = frozenset({"connect_timeout", "application_name", "fallback_application_name"})
SUPPORTED = DRIVER_PARAMETERS | SERVICE_PARAMETERS | CHOICES.keys()

REMEDIES = {
    "channel_binding": "the driver has no channel binding; remove it and set sslmode=verify-full "
    "with sslrootcert=system, which detects the same attack",
    "pgbouncer": "remove it, and set DATABASE_PGBOUNCER=true and DATABASE_DIRECT_URL",
    "schema": "write options=-csearch_path%3D<schema>",
    "connection_limit": "set DATABASE_POOL_SIZE",
    "pool_timeout": "set DATABASE_POOL_TIMEOUT_SECONDS",
    "ssl": "write sslmode=require",
    "statement_cache_size": "set DATABASE_PGBOUNCER=true",
    "prepared_statement_cache_size": "set DATABASE_PGBOUNCER=true",
    "statement_timeout": "set DATABASE_COMMAND_TIMEOUT_SECONDS",
}
# Parameters of PostgreSQL that the service sets on every connection.
SET_BY_SERVICE = re.compile(
    r"(statement_timeout|lock_timeout|idle_in_transaction_session_timeout|timezone|plan_cache_mode)"
    r"\s*=",
    re.IGNORECASE,
)
MAX_CONNECT_SECONDS = 3600


def parameters(url: str) -> dict[str, str]:
    """Return the query parameters of the URL.

    Raises:
        ValueError: a parameter has no value, or is repeated.
    """
    query = urlsplit(url).query
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("its parameters must read like name=value") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("one of its parameters is repeated")
    return found


def check_parameters(url: str) -> None:
    """Check that all parameters of the URL are supported.

    Raises:
        ValueError: a sentence for the operator about the first parameter that is not.
    """
    given = parameters(url)
    for name, value in given.items():
        check_known(name)
        if value not in CHOICES.get(name, (value,)):
            raise ValueError(unsupported(name, f"{name}={value}"))
    check_values(given)
    check_files(given)


def check_known(name: str) -> None:
    if name not in SUPPORTED:
        raise ValueError(unsupported(name, name))


def unsupported(name: str, parameter: str) -> str:
    choices = f"write one of {', '.join(CHOICES[name])}" if name in CHOICES else "remove it"
    return f"the parameter {parameter} is not supported: {REMEDIES.get(name, choices)}"


def check_values(given: dict[str, str]) -> None:
    seconds = given.get("connect_timeout", "1")
    is_number = seconds.isascii() and seconds.isdigit()
    if not is_number or not 0 < int(seconds) <= MAX_CONNECT_SECONDS:
        raise ValueError(f"connect_timeout must be 1 to {MAX_CONNECT_SECONDS} seconds")
    if found := SET_BY_SERVICE.search(given.get("options", "")):
        raise ValueError(
            f"options must not set {found[1]}, which follows from the settings of the service"
        )


def check_files(given: dict[str, str]) -> None:
    if given.get("sslrootcert") == "system":
        if given.get("sslmode", "verify-full") != "verify-full":
            raise ValueError("sslrootcert=system needs sslmode=verify-full")
        given = {name: value for name, value in given.items() if name != "sslrootcert"}
    elif given.get("sslmode", "").startswith("verify-") and not has_root_certificate(given):
        raise ValueError(
            f"sslmode={given['sslmode']} needs sslrootcert: name a file, or write "
            "sslrootcert=system with sslmode=verify-full"
        )
    for name in FILES:
        if name in given and not os.access(given[name], os.R_OK):
            raise ValueError(f"{name} names {given[name]}, which cannot be read")


def has_root_certificate(given: dict[str, str]) -> bool:
    default = Path("~/.postgresql/root.crt").expanduser()
    return bool({"sslrootcert", "service"} & given.keys()) or (
        "PGSSLROOTCERT" in os.environ or os.access(default, os.R_OK)
    )
