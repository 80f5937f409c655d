"""A new project as the command line describes it, and its record: `.reference.json`."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.config.settings import ConfigError
from app.devtools.naming import RETIRED_WORD
from app.devtools.removal.blocks import PARTS
from app.devtools.removal.record import RECORD

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# `<name>-migrations-<hash>` has to fit into a label of Kubernetes, which has 63 characters.
MAX_NAME = 40
# They stand in YAML, TOML, JSON, Python and Markdown, each with quotes of its own.
TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .&()-]{1,39}")
DESCRIPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,;&()/-]{1,73}\.")
PIN = re.compile(r"^([a-z0-9][\w.-]*)==", re.MULTILINE)
RESERVED = {"alembic", "app", "benchmarks", "examples", "reference-api", "tests"}
OPTIONAL_PARTS = ("benchmarks",)


@dataclass(frozen=True)
class Project:
    """The names of a project, the features that it lacks, and the parts that it keeps."""

    name: str
    title: str
    description: str
    without: tuple[str, ...] = ()
    kept_parts: tuple[str, ...] = ()

    @property
    def left_out(self) -> list[str]:
        return [part for part in PARTS if part not in self.kept_parts]


def title_of(name: str) -> str:
    """Return the title that a name suggests: `orders-api` is Orders API."""
    first, *others = ("API" if word == "api" else word for word in name.split("-"))
    return " ".join([first[:1].upper() + first[1:], *others])


def mistakes(root: Path, project: Project) -> Iterator[str]:
    """Yield a sentence with the remedy for each mistake in the names of a project."""
    yield from mistakes_of_name(root, project.name)
    if project.title != title_of(project.name) and not TITLE.fullmatch(project.title):
        yield "The title has 2 to 40 letters, digits, spaces, dots, &, hyphens and parentheses."
    if not DESCRIPTION.fullmatch(project.description):
        yield "The description is one sentence of up to 75 characters, with a full stop."
    for text in (project.name, project.title, project.description):
        if retired := RETIRED_WORD.search(text):
            yield f"{retired[0]} is a word that the texts of the project avoid: choose another."
    for part in set(project.kept_parts) - set(OPTIONAL_PARTS):
        yield f"There is no part {part}: --with takes {', '.join(OPTIONAL_PARTS)}."


def mistakes_of_name(root: Path, name: str) -> Iterator[str]:
    if not NAME.fullmatch(name) or not 1 < len(name) <= MAX_NAME:
        similar = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_NAME]
        hint = f" such as {similar}" if NAME.fullmatch(similar) else " such as orders-api"
        yield (
            f"{name} is no name of a project: use 2 to {MAX_NAME} lower-case letters, digits and "
            f"single hyphens,{hint}."
        )
    packages = PIN.findall((root / "requirements-dev.txt").read_text(encoding="utf-8"))
    if name in RESERVED.union(packages):
        yield f"{name} is the name of a package that the project uses: choose another."


def write_record(root: Path, project: Project, commit: str) -> None:
    """Write what an update needs to know."""
    record = {**asdict(project), "commit": commit}
    (root / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_record(root: Path) -> Project:
    """Return the project that a folder was generated as.

    Raises:
        ConfigError: `app new project` has not made the folder.
    """
    try:
        record: dict[str, Any] = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{root} has no {RECORD}: name the folder of a project that `app new project` made, "
            "with --folder."
        ) from None
    lists = {key: tuple(record.pop(key)) for key in ("without", "kept_parts")}
    return Project(record["name"], record["title"], record["description"], **lists)
