"""Diagnosis of an installation: each finding with its remedy."""

import asyncio
import json
import os
import shutil
import ssl
import stat
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal

import asyncpg

from app.commands import startup_checks
from app.commands.database import DATA_FOLDER, POSTGRES_FOLDER
from app.commands.output import print_rows
from app.commands.serve import listen
from app.config.settings import ConfigError, Settings, load_settings
from app.db.engine import connect
from app.db.revisions import is_outdated
from app.devtools.postgres import running_url
from app.errors import AppError
from app.runtime.clock import now

Status = Literal["ok", "warning", "failed"]

GIGABYTE = 1024**3
MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
# Variables by which tools find the certificates of a proxy that intercepts TLS.
READ_BY_PYTHON = "SSL_CERT_FILE"
CERTIFICATES = (READ_BY_PYTHON, "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
ANSWER_SECONDS = 2.0
REVISION = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; a remedy unless it is ok."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


def run(*, as_json: bool = False) -> bool:
    """Print all findings; return whether none has failed."""
    with redirect_stdout(sys.stderr):  # The log of a failed connection is no part of the JSON.
        found = list(findings())
    columns = tuple(asdict(found[0]))
    print_rows(columns, [[*asdict(each).values()] for each in found], as_json=as_json)
    return all(each.status != "failed" for each in found)


def findings() -> Iterator[Finding]:
    yield from certificates()
    yield disk(Path.cwd())
    yield from permissions()
    try:
        settings = load_settings()
        startup_checks.check(settings)
    except ConfigError as error:
        for line in str(error).splitlines():
            yield Finding("settings", "failed", line, "Correct the variable or its line in .env.")
        return
    yield Finding("settings", "ok", f"environment {settings.environment}")
    yield secret(settings)
    yield port(settings)
    yield from database(settings)


def certificates() -> Iterator[Finding]:
    """Check the certificates of a proxy that intercepts TLS, which variables name."""
    named = {name: os.environ[name] for name in CERTIFICATES if os.environ.get(name)}
    yield from (certificate(name, path) for name, path in named.items())
    proxies = [name for name in PROXIES if os.environ.get(name)]
    if proxies and not named:
        yield Finding(
            "certificates",
            "warning",
            f"{proxies[0]} is set, and no certificate of that proxy is named.",
            "If installations fail with a TLS error, let SSL_CERT_FILE name a PEM file with it.",
        )
    if named and not os.environ.get(READ_BY_PYTHON):
        name, path = next(iter(named.items()))
        yield Finding(
            "certificates",
            "warning",
            f"{name} is set, which the service does not read, and {READ_BY_PYTHON} is not.",
            f"Set {READ_BY_PYTHON}={path} as well.",
        )


def certificate(name: str, path: str) -> Finding:
    try:
        reason = fault_of_certificates(path)
    except FileNotFoundError:
        reason = "which does not exist"
    except PermissionError:
        reason = "which this user may not read"
    except OSError:
        reason = "which holds no certificate in PEM format"
    if not reason:
        return Finding("certificates", "ok", f"{name} names {path}")
    remedy = f"Let {name} name a readable PEM file with the authority of the proxy, or unset it."
    return Finding("certificates", "failed", f"{name} names {path}, {reason}.", remedy)


def fault_of_certificates(path: str) -> str:
    """Return what is wrong with the certificates in a file, or an empty text.

    The files of a folder are read on demand, so that only its absence is found.

    Raises:
        OSError: the file cannot be read.
        SSLError: it holds no certificate.
    """
    if Path(path).is_dir():
        return ""
    authorities = ssl.create_default_context(cafile=path).get_ca_certs()
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in authorities]
    is_expired = ends and max(ends) < now().timestamp()
    return "whose certificates have expired" if is_expired else ""


def disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free < 1:
        detail = f"{free:.1f} GB are free at {folder}."
        return Finding("disk", "failed", detail, "Free space: PostgreSQL stops without it.")
    return Finding("disk", "ok", f"{free:.0f} GB free")


def permissions() -> Iterator[Finding]:
    """Check that the data folder is writable, and that other users cannot read `.env`."""
    folder = DATA_FOLDER if DATA_FOLDER.exists() else Path.cwd()
    if not os.access(folder, os.W_OK):
        detail = f"{folder} is not writable."
        yield Finding("permissions", "failed", detail, "Change its owner, or start elsewhere.")
    env = Path(".env")
    if env.exists() and env.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Finding("permissions", "warning", "Other users can read .env.", "chmod 600 .env")


def secret(settings: Settings) -> Finding:
    if settings.secret_key.get_secret_value():
        return Finding("secret", "ok", "SECRET_KEY is set")
    return Finding(
        "secret",
        "warning",
        "SECRET_KEY is empty: the published key of development signs tokens.",
        "Before production, set one made by `openssl rand -hex 32`.",
    )


def port(settings: Settings) -> Finding:
    try:
        listen(settings.host, settings.port).close()
    except ConfigError as error:
        if is_served(settings):
            return Finding("port", "ok", f"the service listens on {settings.host}:{settings.port}")
        detail, _, remedy = str(error).partition(": ")
        return Finding("port", "failed", detail, remedy)
    return Finding("port", "ok", f"{settings.host}:{settings.port} is free")


def is_served(settings: Settings) -> bool:
    """Return whether it is this service that listens on the port."""
    # Linux and macOS connect 0.0.0.0 and :: with this machine.
    connection = HTTPConnection(settings.host, settings.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/version")
        version = json.load(connection.getresponse())
        return bool(version["name"] == settings.project_name)
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return False
    finally:
        connection.close()


def database(settings: Settings) -> list[Finding]:
    url = settings.database_url or running_url(POSTGRES_FOLDER)
    if not url:
        return [Finding("database", "ok", "`make run` starts its own PostgreSQL")]
    return asyncio.run(server(settings.model_copy(update={"database_url": url})))


async def server(settings: Settings) -> list[Finding]:
    try:
        connection = await connect(settings, settings.database_url)
    except AppError as error:
        remedy = "Start PostgreSQL, and check host, port, user and password in DATABASE_URL."
        return [Finding("database", "failed", error.detail or error.title, remedy)]
    try:
        return [await revision(connection), await clock(connection)]
    finally:
        await connection.close(timeout=1)


async def revision(connection: asyncpg.Connection) -> Finding:
    try:
        current = await connection.fetchval(REVISION)
    except asyncpg.UndefinedTableError:
        current = None
    if is_outdated(current):
        detail = f"The database is at revision {current}, behind the code."
        return Finding("database", "failed", detail, "Run `app db upgrade` (`make migrate`).")
    return Finding("database", "ok", f"revision {current}")


async def clock(connection: asyncpg.Connection) -> Finding:
    difference = abs(now() - await connection.fetchval("SELECT clock_timestamp()"))
    if difference > MAX_CLOCK_DIFFERENCE:
        detail = f"The clock differs by {difference.total_seconds():.0f} s from the database."
        return Finding("clock", "failed", detail, "Synchronize both by NTP: tokens expire by it.")
    return Finding("clock", "ok", "as that of the database")
