"""Settings of webhooks: what production rejects."""

import pytest

from tests.settings import PRODUCTION, rejection

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_loopback_is_rejected_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = rejection(monkeypatch, **PRODUCTION, WEBHOOK_LOOPBACK="true")

    assert sentence.startswith("WEBHOOK_LOOPBACK is on")
