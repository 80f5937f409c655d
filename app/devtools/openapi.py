"""OpenAPI snapshot in the repository: each change of the API is visible in its diff."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from app.config.settings import ConfigError, default_settings
from app.devtools.compatibility import breaking_changes
from app.features import find_modules
from app.main import create_app

ASYNCAPI = Path("docs/asyncapi.yaml")
SNAPSHOT = Path("docs/openapi.json")
RELEASED = Path("docs/openapi.released.json")


class ReadableDumper(yaml.SafeDumper):
    """Writes paragraphs as block scalars, and no aliases."""

    def ignore_aliases(self, _: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


ReadableDumper.add_representer(str, ReadableDumper.represent_text)


def rendered() -> str:
    # From the defaults, independent of environment variables.
    settings = default_settings()
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


def rendered_asyncapi(asyncapi: ModuleType) -> str:
    """Return the AsyncAPI document: WebSockets, which OpenAPI cannot describe."""
    document = asyncapi.document(default_settings())
    return yaml.dump(document, Dumper=ReadableDumper, sort_keys=False, width=100)


def snapshots() -> dict[Path, str]:
    """Return the documents as the code has them; AsyncAPI if a feature has WebSockets."""
    found = {SNAPSHOT: rendered()}
    for module in find_modules("asyncapi"):
        found[ASYNCAPI] = rendered_asyncapi(module)
    return found


def write() -> None:
    SNAPSHOT.parent.mkdir(exist_ok=True)
    for path, text in snapshots().items():
        path.write_text(text, encoding="utf-8")


def release() -> None:
    """Make the snapshot the released version with which later changes are compared."""
    RELEASED.write_text(SNAPSHOT.read_text(encoding="utf-8"), encoding="utf-8")


def check() -> None:
    """Compare the snapshot with the code, and version 1 with its last release.

    Raises:
        ConfigError: they differ, or a client of version 1 would break.
    """
    for path, text in snapshots().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            raise ConfigError(f"{path} is out of step with the code: run `make openapi`.")
    released, current = (json.loads(file.read_text("utf-8")) for file in (RELEASED, SNAPSHOT))
    changes = breaking_changes(released, current, prefix="/api/v1/")
    if changes:
        raise ConfigError("\n".join(["Version 1 would break its clients:", *sorted(changes)]))
