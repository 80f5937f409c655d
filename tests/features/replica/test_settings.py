"""Settings of the read replica: what production rejects."""

import pytest

from tests.settings import PRODUCTION, rejection

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_guessable_password_is_rejected_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://a:Postgres@db/a"

    sentence = rejection(monkeypatch, **PRODUCTION, DATABASE_REPLICA_URL=url)

    assert sentence.startswith("DATABASE_REPLICA_URL has a password that is easy")
