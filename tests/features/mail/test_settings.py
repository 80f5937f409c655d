"""Settings of mail: validation, and what production rejects."""

import pytest

from app.config.settings import load_settings
from tests.settings import PRODUCTION, rejection, set_variables

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize("url", ["canary.example.com", "smtp://user:canary@mail:canary"])
def test_malformed_url_is_rejected_without_its_value(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    sentence = rejection(monkeypatch, SMTP_URL=url)

    assert sentence.startswith("SMTP_URL is not usable")
    assert "canary" not in sentence


def test_plain_smtp_is_rejected_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = PRODUCTION | {"SMTP_URL": "smtp://user:word@mail.example.com"}

    assert rejection(monkeypatch, **variables).startswith("SMTP_URL starts with smtp://")


@pytest.mark.parametrize(
    "variables",
    [
        {"SMTP_URL": "smtp://127.0.0.1:25"},
        {"SMTP_URL": "smtp+starttls://u:p@mail.example.com:587"},
        {"SMTP_URL": "smtp://mail:1025", "SMTP_PLAINTEXT": "true"},
    ],
)
def test_choice_of_the_operator_is_accepted(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    set_variables(monkeypatch, **PRODUCTION | variables)

    assert load_settings().environment == "production"
