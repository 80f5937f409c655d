"""Selection of the features to remove, with an error that names the remedy for each mistake."""

from collections.abc import Iterator
from difflib import get_close_matches

from app.config.settings import ConfigError
from app.devtools.code_lines import ALWAYS_PRESENT
from app.feature import Features


def select(features: Features, names: set[str], *, with_dependents: bool) -> list[str]:
    """Return the features to remove, each before those that it requires.

    Raises:
        ConfigError: no name is given, one is unknown or always present, or another feature
            requires one; a line for each mistake.
    """
    if not names:
        raise ConfigError(f"Name the features to remove, or give --all.\n{options(features)}")
    if problems := [*unusable(features, names)]:
        raise ConfigError("\n".join([*problems, options(features)]))
    chosen = names.union(*(dependents(features, name) for name in names))
    if chosen != names and not with_dependents:
        raise ConfigError("\n".join(missing_dependents(features, names)))
    return [each.name for each in reversed([*features.by_requirement()]) if each.name in chosen]


def optional_features(features: Features) -> list[str]:
    return sorted(features.by_name.keys() - set(ALWAYS_PRESENT))


def dependents(features: Features, name: str) -> set[str]:
    """Return the features that require a feature, directly or not."""
    return {each.name for each in features if name in features.required_by(each.name)}


def unusable(features: Features, names: set[str]) -> Iterator[str]:
    """Iterate over the errors about names of no feature and of features that are always present."""
    for name in sorted(names - features.by_name.keys()):
        similar = get_close_matches(name, features.by_name, n=1)
        yield f"There is no feature {name}." + "".join(f" Is it {each}?" for each in similar)
    for name in sorted(names & set(ALWAYS_PRESENT)):
        yield f"{name} is always present, because the tests and other features need it."


def missing_dependents(features: Features, names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        if others := sorted(dependents(features, name) - names):
            them = "it" if len(others) == 1 else "them"
            yield (
                f"{name} is required by {', '.join(others)}: name {them}, too, or give "
                "--with-dependents."
            )


def options(features: Features) -> str:
    """Return the sentence that lists the optional features, with those that require each."""
    lines = [
        f"  {name}" + (f" (required by {', '.join(others)})" if others else "")
        for name in optional_features(features)
        for others in [sorted(dependents(features, name))]
    ]
    return "\n".join(["Optional features:", *lines]) if lines else "No optional feature is left."
