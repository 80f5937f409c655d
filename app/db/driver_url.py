"""Database URLs as arguments of the driver, for the service and for Alembic."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import asyncpg

from app.config.database_url import DRIVER_PARAMETERS, parameters
from app.network.urls import one_host_each

# Including errors of the driver about the URL or a file named in it.
CANNOT_CONNECT = (
    *(OSError, ValueError, asyncpg.PostgresError),
    *(asyncpg.InterfaceError, asyncpg.InternalClientError),
)


async def first_host(
    url: str, connect: Callable[[str], Awaitable[asyncpg.Connection]]
) -> asyncpg.Connection:
    """Connect to the first host that accepts; raise the error of the last one if none does."""
    *others, last = driver_urls(url)
    for each in others:
        # Each host has its own timeout: a machine that is down does not refuse the connection.
        with suppress(*CANNOT_CONNECT):
            return await connect(each)
    return await connect(last)


def driver_urls(url: str) -> list[str]:
    """Return one URL per host, in the order in which to try them.

    `prefer-standby` takes two rounds: with a single host the driver would accept any server.
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
    """Return arguments for `asyncpg.connect`: the URL without parameters unknown to the driver."""
    given = parameters(url)
    known = {name: value for name, value in given.items() if name in DRIVER_PARAMETERS}
    arguments: dict[str, Any] = {"server_settings": server_settings(given, project_name)}
    if "connect_timeout" in given:
        arguments["timeout"] = float(given["connect_timeout"])
    if given.get("sslrootcert") == "system":
        arguments["ssl"] = system_context(known)
    return {"dsn": urlsplit(url)._replace(query=urlencode(known)).geturl(), **arguments}


def server_settings(given: Mapping[str, str], project_name: str) -> dict[str, str]:
    """Return the application name of the connection; one in the URL takes precedence."""
    fallback = given.get("fallback_application_name") or project_name
    name = given.get("application_name") or fallback
    return {"application_name": name} if name else {}


def system_context(known: dict[str, str]) -> ssl.SSLContext:
    """Return a context that verifies server and host name with the system's trusted certificates.

    Removes the TLS parameters from `known`.
    """
    context = ssl.create_default_context()
    for name in ("sslrootcert", "sslmode"):
        known.pop(name, None)
    certificate, key = known.pop("sslcert", None), known.pop("sslkey", None)
    if certificate:
        context.load_cert_chain(certificate, key, known.pop("sslpassword", None))
    return context
