"""Settings: read from the environment, rejected in one sentence."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.config.known_secrets import DEVELOPMENT_SECRET, PUBLISHED
from app.config.settings import (
    ConfigError,
    default_settings,
    get_settings,
    load_settings,
)
from app.features.mail.settings import MailSettings
from tests.settings import (
    GROUPS,
    PRODUCTION,
    SECRET,
    rejection,
    set_variables,
    value_of,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("clean_environment")

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
VARIABLE = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
BLOCK = re.compile(
    r"^# --- feature: (\w+) -+\n(.*?)^# --- end feature: \1$", re.MULTILINE | re.DOTALL
)
SHOWN = dict(VARIABLE.findall(EXAMPLE))
OF_COMPOSE = {
    "COMPOSE_FILE",
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
EMPTY: tuple[object, ...] = ("", [], None, SecretStr(""))


class TestSources:
    def test_defaults_are_for_development(self) -> None:
        settings = load_settings()

        assert settings.environment == "development"
        assert settings.signing_secret == DEVELOPMENT_SECRET

    def test_environment_wins_over_the_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("PORT=9001\nPROJECT_NAME=From the file\n", encoding="utf-8")
        set_variables(monkeypatch, PORT="9002")

        settings = load_settings()

        assert (settings.port, settings.project_name) == (9002, "From the file")

    def test_command_line_wins_over_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_variables(monkeypatch, PORT="9002")

        assert load_settings(port=9003).port == 9003

    def test_unknown_variables_are_ignored(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("ANOTHER_PROGRAM=1\n", encoding="utf-8")

        assert load_settings().port == 8000

    def test_lists_are_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_variables(monkeypatch, ALLOWED_ORIGINS='["https://a.example", "https://b.example"]')

        assert load_settings().allowed_origins == ["https://a.example", "https://b.example"]

    def test_are_read_once(self) -> None:
        get_settings.cache_clear()

        assert get_settings() is get_settings()

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            load_settings().port = 1  # type: ignore[misc]  # which says the same

    def test_secrets_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_variables(monkeypatch, SECRET_KEY=SECRET, DEMO_PASSWORD="canary-password")

        shown = repr(load_settings())

        assert SECRET not in shown
        assert "canary-password" not in shown


class TestGroups:
    def test_declare_each_name_once(self) -> None:
        names = [name for kind in GROUPS.values() for name in kind.model_fields]

        assert len(names) == len(set(names))

    def test_of_the_kernel_and_of_features_are_read_together(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("MAIL_SENDER=file@example.com\n", encoding="utf-8")
        set_variables(monkeypatch, PORT="9002")

        settings = load_settings(smtp_plaintext=True)

        own = settings.of(MailSettings)
        assert (settings.port, own.mail_sender, own.smtp_plaintext) == (
            9002,
            "file@example.com",
            True,
        )

    def test_defaults_are_independent_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_variables(monkeypatch, PORT="9002", MAIL_SENDER="variable@example.com")

        settings = default_settings()

        assert settings.port == 8000
        assert settings.of(MailSettings).mail_sender == "no-reply@example.com"

    def test_copy_changes_values_of_their_owner(self) -> None:
        settings = load_settings()

        copy = settings.model_copy(update={"port": 9002, "mail_sender": "copy@example.com"})

        assert (copy.port, copy.of(MailSettings).mail_sender) == (9002, "copy@example.com")
        assert (settings.port, settings.of(MailSettings).mail_sender) == (
            8000,
            "no-reply@example.com",
        )

    def test_unknown_name_is_rejected(self) -> None:
        with pytest.raises(TypeError, match="No such setting: mail_sendre"):
            load_settings(mail_sendre="a@example.com")
        with pytest.raises(TypeError, match="No such setting: mail_sendre"):
            load_settings().model_copy(update={"mail_sendre": "a@example.com"})


class TestDatabaseUrl:
    @pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql", "postgres"])
    def test_every_usual_scheme_is_understood(self, scheme: str) -> None:
        settings = load_settings(database_url=f"{scheme}://u:p@db:5432/app")

        assert settings.database_url == "postgresql+asyncpg://u:p@db:5432/app"

    @pytest.mark.parametrize(
        "url", ["mysql://db/app", "sqlite://", "db:5432", "postgresql+psycopg:"]
    )
    def test_other_database_is_rejected(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"^DATABASE_URL is not usable: it must start with"):
            load_settings(database_url=url)


class TestProduction:
    def test_safe_settings_are_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_variables(monkeypatch, **PRODUCTION)

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
            ({"SECRET_KEY": "a" * 32}, "SECRET_KEY is easy to guess"),
            ({"SECRET_KEY": "f3a1" * 16}, "SECRET_KEY is easy to guess"),
            ({"SECRET_KEY": "0123456789abcdef" * 2}, "SECRET_KEY is easy to guess"),
            ({"SECRET_KEY": "qwertyuiop" * 4}, "SECRET_KEY is easy to guess"),
            ({"SECRET_KEY": "Password" * 5}, "SECRET_KEY is easy to guess"),
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
            ({"DEBUG": "true"}, "DEBUG is on: set DEBUG=false"),
            ({"ALLOWED_ORIGINS": '["https://a.example", "*"]'}, "ALLOWED_ORIGINS contains `*`"),
            ({"DATABASE_URL": ""}, "DATABASE_URL is empty"),
            ({"DATABASE_URL": "postgresql://app:password@db/app"}, "DATABASE_URL has a password"),
            ({"DATABASE_URL": "postgresql://App:app@db/app"}, "DATABASE_URL has a password"),
            ({"DATABASE_DIRECT_URL": "postgresql://a:root@db/a"}, "DATABASE_DIRECT_URL has a pa"),
            ({"MIGRATIONS_DATABASE_URL": "postgresql://o:o@db/a"}, "MIGRATIONS_DATABASE_URL has"),
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
        ],
    )
    def test_unsafe_setting_is_rejected(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
    ) -> None:
        assert rejection(monkeypatch, **PRODUCTION | variables).startswith(sentence)

    def test_public_url_is_wanted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        others = {name: value for name, value in PRODUCTION.items() if name != "PUBLIC_URL"}

        assert rejection(monkeypatch, **others).startswith("PUBLIC_URL is not set")

    def test_every_unsafe_setting_is_named_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unsafe = {"SECRET_KEY": "a" * 32, "DEBUG": "true", "FORWARDED_ALLOW_IPS": "*"}
        malformed = {"PORT": "canary", "ALLOWED_ORIGINS": "canary", "PUBLIC_URL": "canary"}
        # A feature has its own rules.
        unsafe["SMTP_URL"] = "smtp://user:word@mail.example.com"
        malformed["ACCESS_TOKEN_EXPIRE_MINUTES"] = "canary"
        set_variables(monkeypatch, **PRODUCTION | unsafe | malformed)

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
            {"DATABASE_URL": "postgresql://app:9f86d081884c7d65@db/app"},
        ],
    )
    def test_strong_or_local_setting_is_accepted(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        set_variables(monkeypatch, **PRODUCTION | variables)

        assert load_settings().environment == "production"

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5433", "[::1]"])
    def test_password_for_this_machine_alone_is_accepted(
        self, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        url = f"postgresql+asyncpg://postgres:postgres@{host}/app"
        set_variables(monkeypatch, **PRODUCTION | {"DATABASE_URL": url})

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
            {"FORWARDED_ALLOW_IPS": "10.0.0.1,canary"},
            {"DATABASE_COMMAND_TIMEOUT_SECONDS": "inf"},
        ],
    )
    def test_names_the_variable_and_not_its_value(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        sentence = rejection(monkeypatch, **variables)

        assert sentence.startswith(next(iter(variables)))
        assert "canary" not in sentence


class TestExample:
    """.env.example: each setting with its default, and no unknown variable."""

    @pytest.mark.parametrize("name", sorted(set(GROUPS) - {""}))
    def test_has_one_block_for_each_feature(self, name: str) -> None:
        (block,) = [block for owner, block in BLOCK.findall(EXAMPLE) if owner == name]

        assert variables(block) == sorted(map(str.upper, GROUPS[name].model_fields))

    def test_has_no_block_of_another_feature(self) -> None:
        assert {owner for owner, _ in BLOCK.findall(EXAMPLE)} == set(GROUPS) - {""}

    def test_explains_the_settings_of_the_kernel_and_of_compose_outside_of_blocks(self) -> None:
        expected = {name.upper() for name in GROUPS[""].model_fields} | OF_COMPOSE

        assert variables(BLOCK.sub("", EXAMPLE)) == sorted(expected)

    @pytest.mark.parametrize("name", sorted(set(SHOWN) - OF_COMPOSE))
    def test_shows_the_default_or_a_usable_value(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        default = value_of(load_settings(), name.lower())

        set_variables(monkeypatch, **{name: SHOWN[name]})

        value = value_of(load_settings(), name.lower())
        # The default of UPLOAD_MEDIA_TYPES is too long for a line.
        is_example = default in EMPTY or name == "UPLOAD_MEDIA_TYPES"
        assert value == default or (is_example and value)


def variables(block: str) -> list[str]:
    return sorted(name for name, _ in VARIABLE.findall(block))
