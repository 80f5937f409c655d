"""One real PostgreSQL for the run, one database for each worker, clean tables for each test."""

import asyncio
import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import asyncpg
import hypothesis
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy import CursorResult, text
from starlette.types import ASGIApp

from app.config.settings import Settings, load_settings
from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.features.auth.resources import AuthResources
from app.features.auth.schemas.session import TokenPair
from app.features.categories.response_cache import ResponseCache
from app.features.users.crud import sessions
from app.features.users.lifespan import UserResources
from app.features.users.models.session import UserSession
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher
from app.main import create_app
from app.security.principals import Role
from app.security.resources import SecurityResources
from tests.cleaner import Cleaner
from tests.factories import make_user
from tests.fragments import fragments
from tests.scopes import PERMISSIONS
from tests.settings import SETTINGS
from tests.state import replaced, resources_of, units_of_work

SECRET = "a-secret-for-tests-that-is-long-enough"
TEMPLATE = "template_app"
# More than a statement takes on a busy machine; tests of timeouts pass their own.
BUSY_SECONDS = 30.0
Row = TypeVar("Row")


class Save(Protocol):
    """Stores a row in a transaction of its own and returns it."""

    async def __call__(self, row: Row) -> Row: ...


As = Callable[..., Awaitable[AsyncClient]]
Database = Callable[..., Awaitable[list[dict[str, Any]]]]
Running = Callable[..., AbstractAsyncContextManager[FastAPI]]

# Two busy cores make any deadline lie; a failing example is printed, so nothing is stored.
hypothesis.settings.register_profile("suite", deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("suite")


# `FAST_PATH_ENABLED=false make test` is a way to run the suite.
IGNORED_SETTINGS = SETTINGS - {"FAST_PATH_ENABLED"}


def pytest_configure() -> None:
    """Ignore the settings in the shell of the developer, in the processes that tests start too."""
    for name in IGNORED_SETTINGS & os.environ.keys():
        del os.environ[name]


# Their tests share running services and browsers, each of which takes seconds of CPU to start.
SHARING_PACKAGES = ("e2e", "browser")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of such a package follow each other, so that mostly one worker has them."""
    first: dict[str, int] = {}
    keys = [
        first.setdefault(name, place) if (name := package_of(item)) in SHARING_PACKAGES else place
        for place, item in enumerate(items)
    ]
    items[:] = [items[place] for place in sorted(range(len(items)), key=keys.__getitem__)]


def package_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than processors: a third of the suite's time is waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Spare the half a million objects of the collected tests from garbage collection.

    They live until the end; one traversal stops the running test for a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def postgres_folder(testrun_uid: str, worker_id: str) -> Iterator[Path]:
    """A folder that the workers of this run share; the last worker removes it."""
    folder = Path(tempfile.gettempdir()) / f"app-tests-{testrun_uid}"
    members = folder / "members"
    members.mkdir(parents=True, exist_ok=True)
    (members / worker_id).touch()
    yield folder
    (members / worker_id).unlink()
    if not any(members.iterdir()):
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server_url(postgres_folder: Path) -> Iterator[str]:
    with embedded_postgres(postgres_folder / "postgres", durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def database_url(server_url: str, worker_id: str) -> str:
    """A database of this worker's own, copied from one that the migrations made."""
    name = f"test_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    return with_database(server_url, name)


async def copy_template(server_url: str, name: str) -> None:
    connection = await asyncpg.connect(plain(server_url))
    try:
        # Only one session may use a template while it is copied, or make it.
        await connection.execute("SELECT pg_advisory_lock(1)")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            await connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
            await asyncio.to_thread(migrations.upgrade, with_database(server_url, TEMPLATE))
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    finally:
        await connection.close()


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    """The URL of a database without any table, for one test."""
    name = f"empty_{uuid.uuid4().hex}"
    asyncio.run(execute(server_url, f'CREATE DATABASE "{name}"'))
    yield with_database(server_url, name)
    asyncio.run(execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def with_database(url: str, name: str) -> str:
    return url.rpartition("/")[0] + f"/{name}"


def plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


@pytest.fixture(scope="session")
def settings(
    database_url: str, postgres_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    features: dict[str, Any] = {}
    for name, module in fragments("settings"):
        features |= module.settings(tmp_path_factory.mktemp(name))
    return load_settings(
        _env_file=None,
        environment="test",
        database_url=database_url,
        secret_key=SecretStr(SECRET),
        log_level="error",
        health_cache_seconds=0,  # Tests change what the probes check.
        health_timeout_seconds=BUSY_SECONDS,
        database_pool_timeout_seconds=BUSY_SECONDS,
        database_connect_timeout_seconds=BUSY_SECONDS,
        database_command_timeout_seconds=BUSY_SECONDS,
        mail_folder=postgres_folder / "mails",
        **features,
    )


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ignore the environment variables and the .env of the developer."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def cheap_hasher() -> Iterator[PasswordHasher]:
    """The parameters of PASSWORD_HASH: with others, each sign-in of a test would hash again."""
    hasher = PasswordHasher(memory_kib=8, time_cost=1)
    yield hasher
    hasher.close()


@pytest.fixture(scope="session")
async def shared_app(settings: Settings, cheap_hasher: PasswordHasher) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    # ASGITransport does not run the lifespan.
    async with app.router.lifespan_context(app):
        with replaced(app, UserResources, passwords=cheap_hasher):
            yield app


@pytest.fixture(autouse=True)
def clean_state(request: pytest.FixtureRequest, anyio_backend: object) -> None:
    """Empty the database before each test that can reach it.

    `anyio_backend` is requested for synchronous tests, whose asynchronous fixtures need it.
    """
    if "database_url" in request.fixturenames:
        request.getfixturevalue("empty_rows")


@pytest.fixture(scope="session")
async def cleaner(database_url: str) -> AsyncIterator[Cleaner]:
    cleaner = Cleaner(plain(database_url))
    yield cleaner
    await cleaner.aclose()


@pytest.fixture
async def empty_rows(cleaner: Cleaner) -> None:
    await cleaner.empty_tables()


@pytest.fixture
async def app(shared_app: FastAPI, empty_rows: None) -> FastAPI:
    """The application that the tests of a worker share, without what it cached for earlier ones."""
    resources_of(shared_app)[SecurityResources].principals.clear()
    resources_of(shared_app)[ResponseCache].clear()
    return shared_app


@pytest.fixture
def running(settings: Settings, cheap_hasher: PasswordHasher) -> Running:
    """An application of the test's own, with some settings changed, while it runs."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[FastAPI]:
        app = create_app(settings.model_copy(update=changes))
        async with app.router.lifespan_context(app):
            with replaced(app, UserResources, passwords=cheap_hasher):
                yield app

    return run


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with new_client(app) as client:
        yield client


def new_client(app: ASGIApp, **headers: str) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(
        transport=transport, base_url="http://test", headers=headers, trust_env=False
    )


@pytest.fixture
def save(app: FastAPI) -> Save:
    async def save(row: Row) -> Row:
        async with units_of_work(app).begin() as uow:
            uow.session.add(row)
        return row

    return save


@pytest.fixture
def database(app: FastAPI) -> Database:
    """Runs one statement in a transaction of its own and returns its result."""

    async def execute(sql: str, **values: Any) -> list[dict[str, Any]]:
        async with units_of_work(app).begin() as uow:
            result = await uow.session.execute(text(sql), values)
            has_rows = cast("CursorResult[Any]", result).returns_rows
            return [dict(row) for row in result.mappings()] if has_rows else []

    return execute


@pytest.fixture
async def user(save: Save) -> User:
    return await save(make_user())


@pytest.fixture
async def other_user(save: Save) -> User:
    return await save(make_user())


@pytest.fixture
async def admin(save: Save) -> User:
    return await save(make_user(role=Role.ADMIN))


@pytest.fixture
async def guest(save: Save) -> User:
    return await save(make_user(role=Role.GUEST))


@pytest.fixture
async def as_user(app: FastAPI) -> AsyncIterator[As]:
    """A client that is signed in as the user, with all scopes of the role or those named."""
    clients: list[AsyncClient] = []

    async def sign_in(user: User, *, scopes: tuple[str, ...] = ()) -> AsyncClient:
        token = await access_token(app, user, scopes)
        clients.append(new_client(app, Authorization=f"Bearer {token}"))
        return clients[-1]

    yield sign_in
    for client in clients:
        await client.aclose()


async def access_token(app: FastAPI, user: User, scopes: tuple[str, ...] = ()) -> str:
    async with units_of_work(app).begin() as uow:
        signed_in: UserSession = await sessions.create(
            uow,
            user.id,
            scopes=list(scopes or PERMISSIONS.of(user.role)),
            user_agent="tests",
            address="127.0.0.1",
        )
    pair: TokenPair = resources_of(app)[AuthResources].token_issuer.pair(signed_in, user.role)
    return pair.access_token
