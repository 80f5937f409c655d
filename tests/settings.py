"""Settings of the kernel and of each feature, given by environment variables."""

from typing import Any

import pytest

from app.config.settings import ConfigError, Settings, feature_groups, load_settings
from app.config.settings_group import SettingsGroup

# By owner; the settings of the kernel have none.
GROUPS: dict[str, type[SettingsGroup]] = {
    "": Settings,
    **{kind.__module__.split(".")[2]: kind for kind in feature_groups()},
}
SETTINGS = {name.upper() for kind in GROUPS.values() for name in kind.model_fields}
SECRET = "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": SECRET,
    "DATABASE_URL": "postgresql://app@db/app",
    "PUBLIC_URL": "https://api.example.com",
}


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def rejection(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The sentence that rejects the variables."""
    set_variables(monkeypatch, **variables)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting, whoever owns it."""
    groups = (settings, *settings.features)
    (value,) = (getattr(each, name) for each in groups if name in type(each).model_fields)
    return value
