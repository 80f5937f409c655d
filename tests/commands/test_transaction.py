"""Transactions of commands: an operator gets one sentence with the remedy."""

import pytest
from sqlalchemy import text

from app.commands.transaction import in_transaction
from app.config.settings import ConfigError, Settings
from app.db.unit_of_work import UnitOfWork
from tests.conftest import with_database


async def read_revision(uow: UnitOfWork) -> None:
    await uow.session.execute(text("TABLE alembic_version"))


def test_database_that_was_never_migrated_has_a_remedy(settings: Settings, server_url: str) -> None:
    empty = settings.model_copy(update={"database_url": with_database(server_url, "postgres")})

    with pytest.raises(ConfigError, match="run `app db upgrade`"):
        in_transaction(empty, read_revision)
