"""Database URLs as arguments of the driver, for the service and for Alembic alike."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import asyncpg

from app.config.database_url import DRIVER_PARAMETERS, parameters
from app.config.urls import one_host_each

# Also errors of the driver about a URL or a file that it names.
CANNOT_CONNECT = (
    *(OSError, ValueError, asyncpg.PostgresError),
    *(asyncpg.InterfaceError, asyncpg.InternalClientError),
)


async def first_host(
    url: str, connect: Callable[[str], Awaitable[asyncpg.Connection]]
) -> asyncpg.Connection:
    """Connect to the first host that accepts it; raises what the last one raises."""
    *others, last = driver_urls(url)
    for each in others:
        # Each has a time of its own: a machine that is gone does not even refuse.
        with suppress(*CANNOT_CONNECT):
            return await connect(each)
    return await connect(last)


def driver_urls(url: str) -> list[str]:
    """The URL once for each of its hosts, in the order in which to try them.

    `prefer-standby` is two rounds: among hosts that are tried one at a time, it would take any.
    """
    url = url.replace("postgresql+asyncpg://", "postgresql://", 1)
    hosts = [each.geturl() for each in one_host_each(url)]
    if parameters(url).get("target_session_attrs") != "prefer-standby":
        return hosts
    return [
        each.replace("target_session_attrs=prefer-standby", f"target_session_attrs={wanted}")
        for wanted in ("standby", "any")
        for each in hosts
    ]


def driver_arguments(url: str, *, project_name: str = "") -> dict[str, Any]:
    """Keyword arguments for `asyncpg.connect`: the URL without what the driver does not know."""
    given = parameters(url)
    kept = {name: value for name, value in given.items() if name in DRIVER_PARAMETERS}
    arguments: dict[str, Any] = {"server_settings": named(given, project_name)}
    if "connect_timeout" in given:
        arguments["timeout"] = float(given["connect_timeout"])
    if given.get("sslrootcert") == "system":
        arguments["ssl"] = system_context(kept)
    return {"dsn": urlsplit(url)._replace(query=urlencode(kept)).geturl(), **arguments}


def named(given: Mapping[str, str], project_name: str) -> dict[str, str]:
    """The name of the connection; that in the URL comes first."""
    fallback = given.get("fallback_application_name") or project_name
    name = given.get("application_name") or fallback
    return {"application_name": name} if name else {}


def system_context(kept: dict[str, str]) -> ssl.SSLContext:
    """Verify the server, and its name, with the certificates that the system trusts."""
    context = ssl.create_default_context()
    for name in ("sslrootcert", "sslmode"):
        kept.pop(name, None)
    certificate, key = kept.pop("sslcert", None), kept.pop("sslkey", None)
    if certificate:
        context.load_cert_chain(certificate, key, kept.pop("sslpassword", None))
    return context
