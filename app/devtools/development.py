"""Start of a development server: its database, and what it prints."""

from app.commands.database import upgrade
from app.config.settings import ConfigError, Settings, local_url
from app.devtools.seed import seed
from app.errors import AppError
from app.observability.logging import get_logger


def prepare(settings: Settings) -> None:
    """Migrate the development database, and seed it if it is empty.

    An unreachable server does not prevent the start: readiness reports it.
    """
    try:
        upgrade(settings, settings.owner_url)
        seed(settings)
    except (ConfigError, AppError) as error:
        get_logger("serve").warning("database not prepared", reason=str(error))


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
