"""Settings: read from the environment, rejected in one sentence."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.config.known_secrets import PUBLISHED
from app.config.settings import (
    DEVELOPMENT_SECRET,
    ConfigError,
    Settings,
    get_settings,
    load_settings,
)

ROOT = Path(__file__).parents[2]
SECRET = "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": SECRET,
    "DATABASE_URL": "postgresql://app@db/app",
    "PUBLIC_URL": "https://api.example.com",
}
# What stands in .env.example, and what it says.
EXPLAINED = dict(
    re.findall(
        r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$",
        (ROOT / ".env.example").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)
OF_COMPOSE = {
    "FRONT_SUBNET",
    "POSTGRES_OWNER_PASSWORD",
    "POSTGRES_PASSWORD",
    "POSTGRES_SERVICE_PASSWORD",
    "TLS_FOLDER",
    "HTTP_PORT",
    "HTTPS_PORT",
    "TAG",
    "COMPOSE_PROFILES",
}
# Settings that are empty, or depend on others, by default.
SHOWN_BY_EXAMPLE = {
    "ALLOWED_ORIGINS",
    "DATABASE_URL",
    "EXTERNAL_API_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "REDIS_URL",
    "RUN_WORKER",
    "SMTP_URL",
    "UPLOAD_MEDIA_TYPES",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ignore the environment variables and the .env of the developer."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


class TestSources:
    def test_defaults_are_for_development(self) -> None:
        settings = load_settings()

        assert settings.environment == "development"
        assert settings.signing_secret == DEVELOPMENT_SECRET

    def test_environment_wins_over_the_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("PORT=9001\nPROJECT_NAME=From the file\n", encoding="utf-8")
        given(monkeypatch, PORT="9002")

        settings = load_settings()

        assert (settings.port, settings.project_name) == (9002, "From the file")

    def test_command_line_wins_over_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given(monkeypatch, PORT="9002")

        assert load_settings(port=9003).port == 9003

    def test_unknown_variables_are_ignored(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("ANOTHER_PROGRAM=1\n", encoding="utf-8")

        assert load_settings().port == 8000

    def test_lists_are_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given(monkeypatch, ALLOWED_ORIGINS='["https://a.example", "https://b.example"]')

        assert load_settings().allowed_origins == ["https://a.example", "https://b.example"]

    def test_are_read_once(self) -> None:
        get_settings.cache_clear()

        assert get_settings() is get_settings()

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            load_settings().port = 1  # type: ignore[misc]  # which says the same

    def test_secrets_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given(monkeypatch, SECRET_KEY=SECRET, DEMO_PASSWORD="canary-password")

        shown = repr(load_settings())

        assert SECRET not in shown
        assert "canary-password" not in shown


class TestDatabaseUrl:
    @pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql", "postgres"])
    def test_every_usual_scheme_is_understood(self, scheme: str) -> None:
        settings = load_settings(database_url=f"{scheme}://u:p@db:5432/app")

        assert settings.database_url == "postgresql+asyncpg://u:p@db:5432/app"

    @pytest.mark.parametrize(
        "url", ["mysql://db/app", "sqlite://", "db:5432", "postgresql+psycopg:"]
    )
    def test_other_database_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"^DATABASE_URL is not usable: it must start with"):
            load_settings(database_url=url)


class TestProduction:
    def test_safe_settings_are_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given(monkeypatch, **PRODUCTION)

        assert load_settings().signing_secret == SECRET

    @pytest.mark.parametrize(
        ("variables", "sentence"),
        [
            ({"SECRET_KEY": ""}, "SECRET_KEY is empty or shorter than 32 bytes: set one"),
            ({"SECRET_KEY": "x" * 31}, "SECRET_KEY is empty or shorter"),
            ({"SECRET_KEY": DEVELOPMENT_SECRET}, "SECRET_KEY is the development secret"),
            ({"SECRET_KEY": PUBLISHED}, "SECRET_KEY is published in a tutorial"),
            ({"SECRET_KEY": "Change-me-" * 4}, "SECRET_KEY is published in a tutorial"),
            ({"SECRET_KEY": "your-secret-key" * 3}, "SECRET_KEY is published in a tutorial"),
            ({"SECRET_KEY": "a" * 32}, "SECRET_KEY is a repetition or a sequence"),
            ({"SECRET_KEY": "f3a1" * 16}, "SECRET_KEY is a repetition or a sequence"),
            ({"SECRET_KEY": "0123456789abcdef" * 2}, "SECRET_KEY is a repetition or a sequence"),
            ({"SECRET_KEY": "qwertyuiop" * 4}, "SECRET_KEY is a repetition or a sequence"),
            ({"SECRET_KEY": "Password" * 5}, "SECRET_KEY is a repetition or a sequence"),
            ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN is shorter than 16 bytes"),
            ({"METRICS_TOKEN": "change-me-" * 3}, "METRICS_TOKEN is shorter than 16 bytes or ea"),
            ({"METRICS_TOKEN": SECRET}, "METRICS_TOKEN is the SECRET_KEY"),
            ({"DEMO_PASSWORD": "demonstration-only"}, "DEMO_PASSWORD is set, and production"),
            ({"PUBLIC_URL": "http://api.example.com"}, "PUBLIC_URL starts with http://"),
            ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "PUBLIC_URL starts with http://"),
            ({"ALLOWED_ORIGINS": '["http://a.example"]'}, "ALLOWED_ORIGINS contains an http://"),
            ({"FORWARDED_ALLOW_IPS": "*"}, "FORWARDED_ALLOW_IPS trusts every peer"),
            ({"FORWARDED_ALLOW_IPS": "10.0.0.1,0.0.0.0/0"}, "FORWARDED_ALLOW_IPS trusts every"),
            ({"FORWARDED_ALLOW_IPS": "128.0.0.0/1"}, "FORWARDED_ALLOW_IPS trusts every peer"),
            ({"FORWARDED_ALLOW_IPS": "::/0"}, "FORWARDED_ALLOW_IPS trusts every peer"),
            ({"FORWARDED_ALLOW_IPS": "2000::/3"}, "FORWARDED_ALLOW_IPS trusts every peer"),
            ({"FORWARDED_ALLOW_IPS": "::ffff:0:0/96"}, "FORWARDED_ALLOW_IPS trusts every peer"),
            ({"SMTP_URL": "smtp://user:word@mail.example.com"}, "SMTP_URL starts with smtp://"),
            (
                {"EXTERNAL_API_URL": "http://api.example.com", "EXTERNAL_API_KEY": "key"},
                "EXTERNAL_API_URL starts with http://",
            ),
            ({"DEBUG": "true"}, "DEBUG is on: set DEBUG=false"),
            ({"ALLOWED_ORIGINS": '["https://a.example", "*"]'}, "ALLOWED_ORIGINS contains `*`"),
            ({"DATABASE_URL": ""}, "DATABASE_URL is empty"),
            ({"DATABASE_URL": "postgresql://app:password@db/app"}, "DATABASE_URL has a password"),
            ({"DATABASE_URL": "postgresql://App:app@db/app"}, "DATABASE_URL has a password"),
            ({"DATABASE_REPLICA_URL": "postgresql://a:Postgres@db/a"}, "DATABASE_REPLICA_URL has"),
            ({"DATABASE_DIRECT_URL": "postgresql://a:root@db/a"}, "DATABASE_DIRECT_URL has a pa"),
            ({"MIGRATIONS_DATABASE_URL": "postgresql://o:o@db/a"}, "MIGRATIONS_DATABASE_URL has"),
            ({"REDIS_URL": "redis://:password@redis/0"}, "REDIS_URL has a password that is easy"),
            *(
                ({"DATABASE_URL": f"postgresql://app:{password}@db/shop"}, "DATABASE_URL has a pa")
                for password in (
                    "P@ssw0rd1!",
                    "postgres123",
                    "shop2026",
                    "db-12345",
                    "demonstration-only",
                    "kT9zQw",
                )
            ),
            (
                {"DATABASE_URL": "postgresql://app@db/app?password=postgres"},
                "DATABASE_URL has a password",
            ),
            (
                {"DATABASE_URL": "postgresql://app:postgres@localhost,db/app"},
                "DATABASE_URL has a password",
            ),
            ({"WEBHOOK_LOOPBACK": "true"}, "WEBHOOK_LOOPBACK is on"),
        ],
    )
    def test_unsafe_setting_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
    ) -> None:
        given(monkeypatch, **PRODUCTION | variables)

        with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}") as caught:
            load_settings()

        assert one_sentence(caught.value)

    def test_public_url_is_required(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given(monkeypatch, **PRODUCTION)
        monkeypatch.delenv("PUBLIC_URL")

        with pytest.raises(ConfigError, match=r"^PUBLIC_URL is not set") as caught:
            load_settings()

        assert one_sentence(caught.value)

    def test_every_unsafe_setting_is_named_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unsafe = {"SECRET_KEY": "a" * 32, "DEBUG": "true", "FORWARDED_ALLOW_IPS": "*"}
        malformed = {"PORT": "canary", "ALLOWED_ORIGINS": "canary", "PUBLIC_URL": "canary"}
        given(monkeypatch, **PRODUCTION | unsafe | malformed)

        with pytest.raises(ConfigError) as caught:
            load_settings()

        lines = str(caught.value).splitlines()
        assert sorted(line.split()[0] for line in lines) == sorted([*unsafe, *malformed])

    @pytest.mark.parametrize(
        "variables",
        [
            {"SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015"},
            {"SECRET_KEY": "TSUMIc9Ig4V1ToHEJ6k92sKs-u7Cg0X-_hMKeLw1zZ0"},
            {"SECRET_KEY": "a-long-passphrase-with-several-words-in-it"},
            {"FORWARDED_ALLOW_IPS": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fd00::/8,fc00::/7"},
            {"ALLOWED_ORIGINS": '["https://App.example:8443", "https://localhost:443"]'},
            {"SMTP_URL": "smtp://127.0.0.1:25"},
            {"SMTP_URL": "smtp+starttls://u:p@mail.example.com:587"},
            {"SMTP_URL": "smtp://mail:1025", "SMTP_PLAINTEXT": "true"},
            {"EXTERNAL_API_URL": "http://api.internal"},
            {"METRICS_TOKEN": "9f86d081884c7d65"},
            {"DATABASE_URL": "postgresql://app:9f86d081884c7d65@db/app"},
        ],
    )
    def test_strong_or_local_setting_is_accepted(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        given(monkeypatch, **PRODUCTION | variables)

        assert load_settings().environment == "production"

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5433", "[::1]"])
    def test_password_for_this_machine_alone_is_accepted(
        self, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        url = f"postgresql+asyncpg://postgres:postgres@{host}/app"
        given(monkeypatch, **PRODUCTION | {"DATABASE_URL": url})

        assert load_settings().database_url == url

    @pytest.mark.parametrize("environment", ["development", "test"])
    def test_other_environments_accept_unsafe_settings(self, environment: str) -> None:
        settings = load_settings(
            environment=environment, debug=True, allowed_origins=["*"], secret_key=SecretStr("")
        )

        assert settings.debug


class TestErrorMessage:
    @pytest.mark.parametrize(
        "variables",
        [
            {"PORT": "canary"},
            {"PORT": "70000"},
            {"WORKERS": "0"},
            {"ENVIRONMENT": "canary"},
            {"LOG_LEVEL": "canary"},
            {"API_V1_STR": "canary/"},
            {"PUBLIC_URL": "canary"},
            {"PUBLIC_URL": "https://canary/"},
            {"PUBLIC_URL": "https://user:canary@example.com"},
            {"PUBLIC_URL": "https://example.com?canary"},
            {"PUBLIC_URL": "https://example.com:canary"},
            {"PUBLIC_URL": "ftp://canary"},
            {"DATABASE_URL": "canary"},
            {"DATABASE_POOL_SIZE": "-1"},
            {"ALLOWED_ORIGINS": "canary"},
            {"ALLOWED_ORIGINS": '{"canary": 1}'},
            {"ALLOWED_ORIGINS": "[1]"},
            {"ALLOWED_ORIGINS": '["null", "canary"]'},
            {"ALLOWED_ORIGINS": '["null"]'},
            {"ALLOWED_ORIGINS": '["https://canary.example/"]'},
            {"ALLOWED_ORIGINS": '["https://canary.example/path"]'},
            {"ALLOWED_ORIGINS": '["https://*.canary.example"]'},
            {"ALLOWED_ORIGINS": '["https://user@canary.example"]'},
            {"ALLOWED_ORIGINS": '["//canary.example"]'},
            {"ALLOWED_ORIGINS": '["canary://localhost"]'},
            {"ALLOWED_ORIGINS": '["https://canary.example:99999"]'},
            {"RATE_LIMIT_DEFAULT": "canary"},
            {"DATABASE_URL": "postgresql://app:canary@db:canary/app"},
            {"DATABASE_URL": "postgresql://app:canary@db1:5432,db2:70000/app"},
            {"DATABASE_URL": "postgresql://app:canary@[::1/app"},
            {"REDIS_URL": "http://canary"},
            {"REDIS_URL": "redis://:canary@redis:canary/0"},
            {"SMTP_URL": "canary.example.com"},
            {"SMTP_URL": "smtp://user:canary@mail:canary"},
            {"FORWARDED_ALLOW_IPS": "10.0.0.1,canary"},
            {"REQUEST_TIMEOUT_SECONDS": "inf"},
            {"LOOP_WATCHDOG_SECONDS": "inf"},
        ],
    )
    def test_names_the_variable_and_not_its_value(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        given(monkeypatch, **variables)

        with pytest.raises(ConfigError) as caught:
            load_settings()

        assert one_sentence(caught.value)
        assert str(caught.value).startswith(next(iter(variables)))
        assert "canary" not in str(caught.value)


def one_sentence(error: Any) -> bool:
    return "\n" not in str(error) and len(str(error)) < 300


class TestExample:
    """.env.example: each setting with its default, and no unknown variable."""

    def test_explains_every_setting_and_no_other(self) -> None:
        assert set(EXPLAINED) == {name.upper() for name in Settings.model_fields} | OF_COMPOSE

    @pytest.mark.parametrize("name", sorted(set(EXPLAINED) - OF_COMPOSE - SHOWN_BY_EXAMPLE))
    def test_shows_the_default(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        default = getattr(load_settings(), name.lower())

        given(monkeypatch, **{name: EXPLAINED[name]})

        assert getattr(load_settings(), name.lower()) == default

    @pytest.mark.parametrize("name", sorted(SHOWN_BY_EXAMPLE))
    def test_example_of_each_setting_is_valid(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        given(monkeypatch, **{name: EXPLAINED[name]})

        assert getattr(load_settings(), name.lower())
