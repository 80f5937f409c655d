"""Settings of Redis: validation, and what production rejects."""

import pytest

from tests.settings import PRODUCTION, rejection

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize("url", ["http://canary", "redis://:canary@redis:canary/0"])
def test_malformed_url_is_rejected_without_its_value(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    sentence = rejection(monkeypatch, REDIS_URL=url)

    assert sentence.startswith("REDIS_URL is not usable")
    assert "canary" not in sentence


def test_guessable_password_is_rejected_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = PRODUCTION | {"REDIS_URL": "redis://:password@redis/0"}

    assert rejection(monkeypatch, **variables).startswith("REDIS_URL has a password that is easy")
