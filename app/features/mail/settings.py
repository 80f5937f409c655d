"""Settings of mail."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from app.config.production import is_plain
from app.config.settings_group import SettingsGroup
from app.network.urls import check_hosts

SMTP_SCHEMES = frozenset({"smtp", "smtp+starttls", "smtps"})
PLAIN = (
    "SMTP_URL starts with smtp://, and mails carry secrets: use smtp+starttls:// or smtps://, "
    "or set SMTP_PLAINTEXT=true for a relay in a private network."
)


def checked_smtp_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if url and urlsplit(url).scheme not in SMTP_SCHEMES:
        raise ValueError("it must start with smtp://, smtp+starttls:// or smtps://")
    check_hosts(url)
    return secret


class MailSettings(SettingsGroup):
    mail_sender: str = "no-reply@example.com"
    mail_folder: Path = Path(".data/mails")
    smtp_url: Annotated[SecretStr, AfterValidator(checked_smtp_url)] = SecretStr("")
    smtp_plaintext: bool = False

    def unsafe(self) -> dict[str, bool]:
        is_smtp_plain = is_plain(self.smtp_url.get_secret_value(), "smtp")
        return {PLAIN: is_smtp_plain and not self.smtp_plaintext}


group = MailSettings
