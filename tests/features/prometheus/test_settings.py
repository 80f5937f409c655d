"""Settings of the Prometheus endpoint in production."""

import pytest

from app.config.settings import load_settings
from tests.settings import PRODUCTION, SECRET, rejection, set_variables

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("short", "METRICS_TOKEN is shorter than 16 bytes"),
        ("change-me-" * 3, "METRICS_TOKEN is shorter than 16 bytes or easy to guess"),
        (SECRET, "METRICS_TOKEN is the SECRET_KEY"),
    ],
)
def test_unsafe_token_is_rejected(
    monkeypatch: pytest.MonkeyPatch, token: str, sentence: str
) -> None:
    assert rejection(monkeypatch, **PRODUCTION, METRICS_TOKEN=token).startswith(sentence)


def test_random_token_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **PRODUCTION, METRICS_TOKEN="9f86d081884c7d65")

    load_settings()
