"""The two Compose files, and the production one as Compose merges it into the other."""

from typing import Any

import yaml

from tests.e2e.service import ROOT

LOCAL_FILE, PRODUCTION_FILE = "docker-compose.yml", "docker-compose.production.yml"
# Sequences that an overlay replaces; others are appended (Compose specification, chapter 13).
REPLACED = frozenset({"command", "entrypoint", "test"})
Node = dict[str, Any]


class Override:
    """A value that replaces that of the other file: `!override`, or `!reset`, which removes it."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Loader(yaml.SafeLoader):
    """YAML with the two tags of Compose."""


def override(loader: Loader, node: yaml.Node) -> Override:
    if isinstance(node, yaml.MappingNode):
        return Override(loader.construct_mapping(node, deep=True))
    assert isinstance(node, yaml.SequenceNode)
    return Override(loader.construct_sequence(node, deep=True))


for tag in ("!override", "!reset"):
    Loader.add_constructor(tag, override)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def loaded(name: str) -> Node:
    content: Node = yaml.load(text_of(name), Loader)  # noqa: S506  (a SafeLoader)
    return content


def merged(below: Any, above: Any, key: str = "") -> Any:
    """Return what Compose makes of a value in both files."""
    if isinstance(above, Override):
        return above.value
    if isinstance(below, dict) and isinstance(above, dict):
        both = {name: merged(below.get(name), value, name) for name, value in above.items()}
        return below | both
    if isinstance(below, list) and isinstance(above, list) and key not in REPLACED:
        return by_target(below, above) if key == "volumes" else [*below, *above]
    return above


def by_target(below: list[str], above: list[str]) -> list[str]:
    """Return the mounts, of which the later one to the same path wins."""
    return [*{volume.split(":")[1]: volume for volume in (*below, *above)}.values()]


LOCAL = loaded(LOCAL_FILE)
PRODUCTION: Node = merged(LOCAL, loaded(PRODUCTION_FILE))
