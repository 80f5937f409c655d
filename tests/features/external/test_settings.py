"""Settings of the external API: what production rejects."""

import pytest

from app.config.settings import load_settings
from tests.settings import PRODUCTION, rejection, set_variables

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_key_over_plain_http_is_rejected_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"EXTERNAL_API_URL": "http://api.example.com", "EXTERNAL_API_KEY": "key"}

    sentence = rejection(monkeypatch, **PRODUCTION | variables)

    assert sentence.startswith("EXTERNAL_API_URL starts with http://")


def test_plain_http_without_a_key_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **PRODUCTION, EXTERNAL_API_URL="http://api.internal")

    assert load_settings().environment == "production"
