"""Keys that sign access tokens: made, exchanged, and what goes wrong."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config.settings import ConfigError, Settings, load_settings
from app.features.auth import commands as keys
from app.features.auth.settings import AuthSettings
from app.features.auth.signing_keys import signing_keys


def asymmetric(folder: Path) -> Settings:
    return load_settings(
        _env_file=None,
        secret_key=SecretStr("s" * 32),
        algorithm="ES256",
        signing_key_file=folder / "key.pem",
        previous_signing_key_file=folder / "previous.pem",
    )


class TestGenerate:
    def test_key_is_readable_by_its_owner_alone(self, tmp_path: Path) -> None:
        keys.generate(tmp_path / "key.pem", "ES256")

        assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600

    def test_existing_key_is_never_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "key.pem").write_text("a key")

        with pytest.raises(ConfigError, match="File exists"):
            keys.generate(tmp_path / "key.pem", "ES256")

        assert (tmp_path / "key.pem").read_text() == "a key"


class TestRotate:
    def test_old_key_becomes_the_previous_one(self, tmp_path: Path) -> None:
        settings = asymmetric(tmp_path)
        keys.generate(tmp_path / "key.pem", "ES256")
        old = (tmp_path / "key.pem").read_text()

        keys.rotate(settings.of(AuthSettings))

        assert (tmp_path / "previous.pem").read_text() == old
        current, previous = signing_keys(settings)
        assert current.kid != previous.kid

    def test_symmetric_signing_has_nothing_to_rotate(self) -> None:
        with pytest.raises(ConfigError, match="ES256 or RS256"):
            keys.rotate(load_settings(_env_file=None).of(AuthSettings))


class TestSigningKeys:
    def test_missing_key_is_named_with_its_remedy(self) -> None:
        settings = load_settings(_env_file=None, algorithm="ES256")

        with pytest.raises(ConfigError, match="app keys generate"):
            signing_keys(settings)

    def test_key_of_another_algorithm_is_rejected(self, tmp_path: Path) -> None:
        keys.generate(tmp_path / "key.pem", "RS256")

        with pytest.raises(ConfigError, match="cannot be used"):
            signing_keys(asymmetric(tmp_path))
