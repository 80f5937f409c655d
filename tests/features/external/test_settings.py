"""Production rules of the settings of the external API."""

import pytest

from tests.settings import PRODUCTION, rejection


def test_key_is_not_sent_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"EXTERNAL_API_URL": "http://api.example.com", "EXTERNAL_API_KEY": "key"}

    assert rejection(monkeypatch, **PRODUCTION | plain).startswith(
        "EXTERNAL_API_URL starts with http://"
    )
