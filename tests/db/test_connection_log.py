"""Failed connections: a 503 for the request, and the cause in the log once for each change."""

import asyncio
import json
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.config.settings import Settings
from app.db.connection_log import ConnectionLog, cause_of, place_of
from app.db.engine import connect
from app.db.errors import DatabaseUnavailable
from tests.conftest import Running, new_client, with_database

REJECTION = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "app"\0\0'
Lines = Callable[[], list[MutableMapping[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged about connections since the last call."""
    with capture_logs() as logged:

        def read() -> list[MutableMapping[str, Any]]:
            found = [line for line in logged if line["event"].startswith("database connection")]
            logged.clear()
            return found

        yield read


@asynccontextmanager
async def rejecting_the_password() -> AsyncIterator[str]:
    """A server that speaks enough of the protocol to reject a password."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (length := int.from_bytes(await reader.readexactly(4), "big")) == 8:
            await reader.readexactly(4)
            writer.write(b"N")  # The request for TLS.
        await reader.readexactly(length - 4)
        writer.write(b"E" + (len(REJECTION) + 4).to_bytes(4, "big") + REJECTION)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql+asyncpg://app:hidden-in-tests@127.0.0.1:{port}/app"


async def cause(settings: Settings, url: str, lines: Lines) -> MutableMapping[str, Any]:
    with pytest.raises(DatabaseUnavailable):
        await connect(settings, url)
    (line,) = lines()
    assert "hidden-in-tests" not in json.dumps(line)
    return line


class TestCause:
    async def test_wrong_password_is_named(self, settings: Settings, lines: Lines) -> None:
        async with rejecting_the_password() as url:
            line = await cause(settings, url, lines)

        assert line["sqlstate"] == "28P01"
        assert line["reason"] == 'password authentication failed for user "app"'
        assert "password" in line["remedy"]

    async def test_wrong_database_name_is_named(self, settings: Settings, lines: Lines) -> None:
        name = f"nowhere_{uuid.uuid4().hex}"  # A cause is logged once in the process.

        line = await cause(settings, with_database(settings.database_url, name), lines)

        assert (line["sqlstate"], line["reason"]) == (
            "3D000",
            f'database "{name}" does not exist',
        )

    @pytest.mark.parametrize(
        ("query", "remedy"),
        [("sslmode=require", "sslmode"), ("options=-c%20nonsense%3D1", "options")],
    )
    async def test_invalid_parameter_is_named(
        self, settings: Settings, empty_database: str, lines: Lines, query: str, remedy: str
    ) -> None:
        line = await cause(settings, f"{empty_database}?{query}", lines)

        assert remedy in line["remedy"]
        assert line["reason"]

    async def test_unknown_host_is_named(self, settings: Settings, lines: Lines) -> None:
        host = f"{uuid.uuid4().hex}.invalid"

        line = await cause(settings, f"postgresql://app:hidden-in-tests@{host}/app", lines)

        assert line["database"] == f"{host}/app"
        assert "name" in line["remedy"]

    @pytest.mark.parametrize(
        ("error", "found"),
        [
            (PermissionError(13, "Permission denied", "/root/.postgresql/a.key"), "HOME"),
            (ssl.SSLCertVerificationError("unable to get local issuer"), "sslrootcert"),
            (socket.gaierror(-2, "Name or service not known"), "host name"),
            (ConnectionRefusedError(111, "Connect call failed"), "start the server"),
            (TimeoutError(), "firewalls"),
            (asyncpg.TooManyConnectionsError("too many clients"), "max_connections"),
        ],
    )
    def test_has_a_remedy(self, error: Exception, found: str) -> None:
        assert found in cause_of(error)["remedy"]
        assert cause_of(error)["reason"]

    def test_names_the_path(self) -> None:
        error = PermissionError(13, "Permission denied", "/root/.postgresql/a.key")

        assert cause_of(error)["path"] == "/root/.postgresql/a.key"


class TestRepetition:
    def test_is_logged_once_for_each_change(self, lines: Lines) -> None:
        log, url = ConnectionLog(), "postgresql://app:hidden-in-tests@db/app?sslmode=require"

        for _ in range(3):
            log.failed(url, ConnectionRefusedError(111, "refused"))
        for _ in range(3):
            log.failed(url, TimeoutError())
        log.succeeded(url)
        log.failed(url, TimeoutError())

        reasons = [line["reason"] for line in lines() if "reason" in line]
        assert reasons == ["[Errno 111] refused", "no response in time"]

    def test_place_has_neither_login_nor_parameters(self) -> None:
        assert place_of("postgresql://a:b@db1,db2:5433/app?sslmode=require") == "db1,db2:5433/app"


class TestRequest:
    @pytest.mark.parametrize("query", ["sslmode=require", "options=-c%20nonsense%3D1"])
    async def test_during_an_outage_is_answered_with_503(
        self, running: Running, settings: Settings, query: str
    ) -> None:
        async with (
            running(database_url=f"{settings.database_url}?{query}") as app,
            new_client(app) as client,
        ):
            responses = [await client.get(path) for path in ("/readiness", "/api/v1/items")]

        assert [response.status_code for response in responses] == [503, 401]

    async def test_with_a_wrong_database_name_is_answered_with_503(
        self, running: Running, settings: Settings
    ) -> None:
        url = with_database(settings.database_url, "nowhere")
        form = {"username": "ada", "password": "wrong"}
        async with running(database_url=url) as app, new_client(app) as client:
            responses = [
                await client.get("/readiness"),
                await client.post("/api/v1/auth/token", data=form),
            ]

        assert [response.status_code for response in responses] == [503, 503]
