"""Development database: comparison of models and migrations, and reset."""

import shutil
import tempfile
from pathlib import Path

from app.commands.database import DATA_FOLDER, POSTGRES_FOLDER, embedded
from app.config.settings import ConfigError
from app.db import migrations
from app.devtools.postgres import running_url


def check_migrations() -> None:
    """Check that the migrations match the models, in a temporary database.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed or cannot be started.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded(Path(folder) / "postgres", durable=False) as url,
    ):
        migrations.upgrade(url)
        migrations.check(url)


def reset() -> None:
    """Delete the data of `make run`.

    Raises:
        ConfigError: the development server is running.
    """
    if running_url(POSTGRES_FOLDER):
        raise ConfigError("The development database is in use: stop `make run` first.")
    shutil.rmtree(DATA_FOLDER, ignore_errors=True)
