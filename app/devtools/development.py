"""Start of a development server: its database, and what it prints."""

import asyncio
from pathlib import Path

import asyncpg

from app.config.settings import ConfigError, Settings, local_url
from app.db.driver_url import CANNOT_CONNECT, driver_arguments, first_host

VERSIONS = Path(__file__).parents[2] / "alembic" / "versions"
PREPARED = "SELECT version_num = $1 AND EXISTS (SELECT FROM users) FROM alembic_version"
ANSWER_SECONDS = 2
# Without demo data no user can sign in, so that a busy machine takes the time that it needs.
PATIENT = {
    "database_connect_timeout_seconds": 30,
    "database_command_timeout_seconds": 60,
    "database_pool_timeout_seconds": 30,
}


def prepare(settings: Settings) -> None:
    """Migrate the development database, and seed it if it is empty.

    An unreachable server does not prevent the start: readiness reports it.
    """
    if asyncio.run(is_prepared(settings.database_url)):
        return
    # Alembic and the application, whose import takes longer than the rest of the start.
    from app.commands.database import upgrade
    from app.devtools.seed import seed
    from app.errors import AppError
    from app.observability.logging import get_logger

    try:
        upgrade(settings, settings.owner_url)
        seed(settings.model_copy(update=PATIENT))
    except (ConfigError, AppError) as error:
        cause = repr(error.__cause__) if error.__cause__ else None
        get_logger("serve").warning("database not prepared", reason=str(error), cause=cause)


async def is_prepared(url: str) -> bool:
    """Return whether a database has all migrations and a user; False without a response."""
    newest = max(path.stem for path in VERSIONS.glob("[0-9]*_*.py"))
    try:
        connection = await first_host(url, opened)
    except CANNOT_CONNECT:
        return False
    try:
        return bool(await connection.fetchval(PREPARED, newest, timeout=ANSWER_SECONDS))
    except CANNOT_CONNECT:
        return False
    finally:
        connection.terminate()


async def opened(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(**{"timeout": ANSWER_SECONDS} | driver_arguments(url))


def print_banner(settings: Settings, port: int) -> None:
    address = local_url(settings.host, port)
    print(
        f"\n  {settings.project_name} is starting.\n\n"
        f"    Open     {address}/\n"
        f"    Sign in  admin@example.com, user@example.com or guest@example.com,\n"
        f"             password {settings.demo_password.get_secret_value()}\n"
        f"    Mails    {address}/dev/mails\n"
        f"    Stop     Ctrl-C\n",
        flush=True,
    )
