"""Two roles, made by the shipped SQL: the owner migrates, the service cannot rewrite history."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.commands.database import owner_database, upgrade
from app.config.settings import Settings
from app.devtools.development import prepare
from app.devtools.postgres_process import binary
from app.main import create_app
from app.security.principals import Role
from tests.conftest import access_token, execute, new_client, plain
from tests.e2e.service import ROOT
from tests.factories import item_body, make_user
from tests.polling import eventually
from tests.state import units_of_work

ROLES = ROOT / "deploy" / "postgres" / "roles.sql"
PASSWORDS = {"POSTGRES_OWNER_PASSWORD": "o'wner", "POSTGRES_SERVICE_PASSWORD": "ser vice"}
ITEMS = "/api/v1/items"
LATER = "CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text)"
REJECTED = (
    "ALTER TABLE items DISABLE TRIGGER ALL",
    "DROP TABLE items",
    "SET session_replication_role = replica",
    "UPDATE alembic_version SET version_num = '0000'",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION hstore",
    "CREATE ROLE mine",
    "COPY (SELECT 1) TO PROGRAM 'true'",
)


@pytest.fixture(scope="module")
def roles(server_url: str, settings: Settings) -> Iterator[Settings]:
    with created_roles(server_url, settings) as roles:
        yield roles


@contextmanager
def created_roles(server_url: str, settings: Settings) -> Iterator[Settings]:
    """Settings with both roles, whose names belong to the whole server, in a database of theirs."""
    name = f"roles_{uuid.uuid4().hex[:8]}"
    names = [
        f"--set={what}" for what in (f"database={name}", f"owner={name}_owner", f"service={name}")
    ]
    subprocess.run(
        [binary("psql"), "--no-psqlrc", "--quiet", f"--file={ROLES}", *names, plain(server_url)],
        env={**os.environ, **PASSWORDS},
        check=True,
    )
    place = f"{urlsplit(server_url).netloc.rpartition('@')[2]}/{name}"
    yield settings.model_copy(
        update={
            "database_url": f"postgresql+asyncpg://{name}:ser%20vice@{place}",
            "migrations_database_url": f"postgresql+asyncpg://{name}_owner:o'wner@{place}",
            "run_worker": True,
        }
    )
    asyncio.run(execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
    asyncio.run(execute(server_url, f'DROP ROLE "{name}", "{name}_owner"'))


@pytest.fixture(scope="module")
def migrated(roles: Settings) -> Settings:
    """Migrate as `app db upgrade` does."""
    with owner_database(roles) as url:
        upgrade(roles, url)
        upgrade(roles, url)  # Again, as at each release.
    return roles


@pytest.fixture
async def app(migrated: Settings) -> AsyncIterator[FastAPI]:
    """The application as the role of the service."""
    app = create_app(migrated)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def admin(app: FastAPI) -> AsyncIterator[AsyncClient]:
    user = make_user(role=Role.ADMIN)
    async with units_of_work(app).begin() as uow:
        uow.session.add(user)
    bearer = f"Bearer {await access_token(app, user)}"
    async with new_client(app, Authorization=bearer) as client:
        yield client


async def finished(client: AsyncClient, location: str) -> str:
    """The status of a task once it has ended."""
    statuses: list[str] = []

    async def has_ended() -> bool:
        statuses.append((await client.get(location)).json()["status"])
        return statuses[-1] not in {"queued", "running"}

    await eventually(has_ended)
    return statuses[-1]


async def test_service_works_with_its_own_role(app: FastAPI, admin: AsyncClient) -> None:
    """Health, sign-up, sign-in, writes, and a job through the queue."""
    account = {"email": "ada@example.com", "username": "ada", "password": "four words in a row"}
    login = {"username": "ada", "password": account["password"]}
    async with new_client(app) as client:
        assert (await client.get("/readiness")).status_code == 200
        registered = await client.post("/api/v1/auth/register", json=account)
        signed_in = await client.post("/api/v1/auth/token", data=login)

    item = (await admin.post(ITEMS, json=item_body())).json()
    batch = await admin.post(f"{ITEMS}/batch", json={"items": [item_body()], "atomic": True})
    queued = await admin.post(f"{ITEMS}/{item['id']}/process")
    status = await finished(admin, queued.headers["location"])
    deleted = await admin.delete(f"{ITEMS}/{item['id']}")

    assert (registered.status_code, signed_in.status_code) == (201, 200)
    assert (batch.status_code, deleted.status_code, status) == (200, 204, "succeeded")


@pytest.mark.parametrize("statement", REJECTED)
async def test_service_cannot_change_history_tables_or_roles(
    migrated: Settings, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(migrated.database_url, statement)


async def test_service_has_rights_on_every_table(migrated: Settings) -> None:
    """Otherwise an endpoint that works as the owner would fail in production."""
    connection = await asyncpg.connect(plain(migrated.database_url))
    try:
        rows = await connection.fetch(
            "SELECT oid::regclass::text AS name, ARRAY(SELECT wanted FROM unnest(ARRAY['SELECT', "
            "'INSERT', 'UPDATE', 'DELETE']) AS wanted WHERE NOT has_table_privilege(oid, wanted)) "
            "AS missing FROM pg_class WHERE relkind IN ('r', 'p', 'v') "
            "AND relnamespace::regnamespace::text IN ('public', 'queue')"
        )
    finally:
        await connection.close()

    missing = {row["name"]: set(row["missing"]) for row in rows if row["missing"]}
    assert len(rows) > 10
    # Of the feature audit, where it exists.
    assert missing.pop("audit_entries", {"UPDATE", "DELETE"}) == {"UPDATE", "DELETE"}
    assert missing == {"alembic_version": {"INSERT", "UPDATE", "DELETE"}}


async def test_later_tables_are_granted_on_creation(migrated: Settings) -> None:
    await execute(migrated.owner_url, LATER)
    try:
        await execute(migrated.database_url, "INSERT INTO later (text) VALUES ('a')")
        await execute(migrated.database_url, "DELETE FROM later")
    finally:
        await execute(migrated.owner_url, "DROP TABLE later")


async def test_owner_is_no_superuser(migrated: Settings) -> None:
    for url in (migrated.owner_url, migrated.database_url):
        connection = await asyncpg.connect(plain(url))
        assert await connection.fetchval("SHOW is_superuser") == "off"
        await connection.close()


async def test_other_roles_cannot_connect(migrated: Settings, server_url: str) -> None:
    name = f"other_{uuid.uuid4().hex[:8]}"
    await execute(server_url, f"CREATE ROLE {name} LOGIN PASSWORD 'other'")
    try:
        place = migrated.database_url.rpartition("@")[2]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(f"postgresql://{name}:other@{place}", "SELECT 1")
    finally:
        await execute(server_url, f"DROP ROLE {name}")


def test_development_server_prepares_a_database_of_two_roles(
    server_url: str, settings: Settings
) -> None:
    """As `docker compose up` does: the owner migrates, and the service adds the demo data."""
    with created_roles(server_url, settings) as roles:
        prepare(roles)

        names = asyncio.run(usernames(roles.database_url))
    assert names == {"admin", "user", "guest"}


async def usernames(url: str) -> set[str]:
    connection = await asyncpg.connect(plain(url))
    try:
        return {row["username"] for row in await connection.fetch("SELECT username FROM users")}
    finally:
        await connection.close()
