"""Settings group: settings of the kernel or of one feature, read from the environment and `.env`.

A feature declares its group in `app/features/<name>/settings.py` as `group`. It is found by module
name and not in `Feature`, because settings are read and rejected before any router is imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.setting_errors import sentences_by_name


class SettingsGroup(BaseSettings):
    """Settings of one owner; `.env.example` documents them for operators."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    def unsafe(self) -> dict[str, bool]:
        """Return a sentence for each rule of production, and whether the settings break it."""
        return {}

    def contradictions(self) -> dict[str, bool]:
        """Return the sentences about combinations that cannot work, and whether each applies."""
        return {}


G = TypeVar("G", bound=SettingsGroup)


@dataclass(frozen=True)
class Reading(Generic[G]):
    """A group as it was read, with a sentence about each malformed setting.

    Malformed settings have their defaults, so that the rules are applied to complete settings.
    """

    group: G
    malformed: Mapping[str, str]

    def broken_rules(self, *, is_production: bool) -> list[str]:
        """Return a sentence for each broken rule, except for those about malformed settings."""
        rules = (self.group.unsafe() if is_production else {}) | self.group.contradictions()
        reported = tuple(name.upper() for name in self.malformed)
        broken = (sentence for sentence, is_broken in rules.items() if is_broken)
        return [sentence for sentence in broken if not sentence.startswith(reported)]


def read(kind: type[G], overrides: Mapping[str, Any]) -> Reading[G]:
    """Read a group; `overrides` take precedence over the environment."""
    try:
        return Reading(kind(**overrides), {})
    except ValidationError as error:
        malformed = sentences_by_name(error)
    defaults = {name: default_of(kind, name) for name in malformed}
    return Reading(kind(**{**overrides, **defaults}), malformed)


def default_of(kind: type[SettingsGroup], name: str) -> Any:
    fields = kind.model_fields
    others = {each: field.default for each, field in fields.items()}
    return fields[name].get_default(call_default_factory=True, validated_data=others)
