"""Parameters of database URLs: each is supported, or rejected in one sentence."""

from pathlib import Path

import pytest

from app.config.settings import ConfigError, load_settings
from tests.settings import SETTINGS, value_of

HOST = "postgresql://app:hidden-in-tests@db.example.com/app"
URLS = [
    name
    for name in ("database_url", "database_direct_url", "database_replica_url")
    if name.upper() in SETTINGS
]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "root.crt"
    path.touch()
    return path


class TestSupported:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            *(f"sslmode={mode}" for mode in ("disable", "allow", "prefer", "require")),
            "sslmode=verify-full&sslrootcert=system",
            "sslrootcert=system",
            "target_session_attrs=read-write",
            "target_session_attrs=prefer-standby",
            "options=-c%20search_path%3Dapp",
            "options=project%3Dquiet-river-1234",
            "connect_timeout=10&application_name=api",
            "fallback_application_name=api",
            "channel_binding=prefer",
            "gssencmode=disable",
            "client_encoding=utf8",
            "sslnegotiation=direct&sslmode=require",
            "ssl_min_protocol_version=TLSv1.2",
        ],
    )
    @pytest.mark.parametrize("setting", URLS)
    def test_parameter_is_accepted(self, setting: str, query: str) -> None:
        url = f"{HOST}?{query}" if query else HOST

        settings = load_settings(_env_file=None, **{setting: url})

        assert value_of(settings, setting).endswith(query)

    def test_readable_file_is_accepted(self, certificate: Path) -> None:
        url = f"{HOST}?sslmode=verify-ca&sslrootcert={certificate}"

        assert load_settings(_env_file=None, database_url=url)


class TestRejected:
    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("channel_binding=require", "the driver has no channel binding"),
            ("pgbouncer=true", "set DATABASE_PGBOUNCER=true and DATABASE_DIRECT_URL"),
            ("sslmode=on", "write one of disable, allow"),
            ("sslmode=verify-full", "needs sslrootcert"),
            ("sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
            ("sslmode=verify-ca&sslrootcert=/nowhere/root.crt", "/nowhere/root.crt, which cannot"),
            ("sslcert=/nowhere/client.crt", "/nowhere/client.crt, which cannot be read"),
            ("target_session_attrs=leader", "write one of any, read-write"),
            ("gssencmode=require", "gssencmode=require is not supported"),
            ("load_balance_hosts=random", "load_balance_hosts=random is not supported"),
            ("client_encoding=latin1", "client_encoding=latin1 is not supported"),
            ("connect_timeout=0", "connect_timeout must be 1 to 3600"),
            ("connect_timeout=soon", "connect_timeout must be 1 to 3600"),
            ("options=-c%20statement_timeout%3D0", "must not set statement_timeout"),
            ("schema=public", "write options=-csearch_path"),
            ("connection_limit=5", "set DATABASE_POOL_SIZE"),
            ("ssl=require", "write sslmode=require"),
            ("statement_timeout=5", "set DATABASE_COMMAND_TIMEOUT_SECONDS"),
            ("keepalives_idle=30", "keepalives_idle is not supported: remove it"),
            ("hostaddr=10.0.0.1", "hostaddr is not supported"),
            ("nonsense=1", "nonsense is not supported"),
            ("nonsense", "must read like name=value"),
            ("sslmode=require&sslmode=disable", "is repeated"),
        ],
    )
    @pytest.mark.parametrize("setting", URLS)
    def test_parameter_is_one_sentence_without_the_password(
        self, setting: str, query: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))

        with pytest.raises(ConfigError) as rejected:
            load_settings(_env_file=None, **{setting: f"{HOST}?{query}"})

        sentence = str(rejected.value)
        assert sentence.startswith(f"{setting.upper()} is not usable: ")
        assert reason in sentence
        assert "hidden-in-tests" not in sentence
        assert "\n" not in sentence

    def test_options_behind_pgbouncer_are_rejected(self) -> None:
        with pytest.raises(ConfigError, match="PgBouncer rejects"):
            load_settings(
                _env_file=None,
                database_url=f"{HOST}?options=-c%20search_path%3Dapp",
                database_direct_url=HOST,
                database_pgbouncer=True,
            )
