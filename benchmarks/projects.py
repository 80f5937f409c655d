"""Generated projects: checks, tests, server and OpenAPI document of seven choices of features.

    python -m benchmarks.projects [--quick] [CHOICE ...]

`everything` and `bare` have all optional features and none, `mixed-1` to `mixed-5` leave out a
third of them and what requires those. `--quick` collects the tests and does not run them. Prints a
row for each choice, and exits with 1 at the first that fails. Each takes as long as the suite.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
from fastapi.routing import iter_route_contexts

from app.devtools.new.project.naming import names
from app.devtools.new.project.specification import read_record
from app.devtools.removal.selection import dependents, optional_features
from app.feature import load_features
from app.security.principals import ADMIN
from benchmarks.newcomer import Newcomer
from benchmarks.service import ROOT
from tests.test_removal import is_part, take_extended, whole_app, without

NAME = "trial-service"
FEATURES = load_features()
MIXED = 5


def choices() -> dict[str, set[str]]:
    """Return the features that each choice leaves out, from the names and requirements alone."""
    optional = optional_features(FEATURES)
    mixed = {f"mixed-{seed}": third(optional, seed) for seed in range(1, MIXED + 1)}
    return {"everything": set(), "bare": set(optional), **mixed}


def third(optional: list[str], seed: int) -> set[str]:
    chosen = random.Random(seed).sample(optional, len(optional) // 3)  # noqa: S311 (repeatable)
    return set(chosen).union(*(dependents(FEATURES, name) for name in chosen))


class Trial(Newcomer):
    """One generated project, with the environment and the cache of packages of this machine."""

    def __init__(self, home: Path, left_out: set[str]) -> None:
        super().__init__(home)
        self.left_out = left_out
        self.environment = {**os.environ, "PORT": str(self.port)}

    def generate(self) -> None:
        options = ["--without", ",".join(sorted(self.left_out))] if self.left_out else []
        command = [sys.executable, "-m", "app.commands.cli", "new", "project", NAME, *options]
        place = ["--folder", str(self.checkout)]
        subprocess.run([*command, *place], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        if (ROOT / ".mypy_cache").exists():  # Saves a minute.
            shutil.copytree(ROOT / ".mypy_cache", self.checkout / ".mypy_cache")

    def serve(self) -> None:
        """Start with `make run`, and compare what is served with this repository."""
        with self.server():
            assert self.client.get("/docs").is_success == self.has_pages
            served = self.client.get("/openapi.json").raise_for_status().json()
        compare(served, json.loads(self.text("docs/openapi.json")), exact=False)

    def text(self, path: str) -> str:
        return (self.checkout / path).read_text(encoding="utf-8")

    @property
    def has_pages(self) -> bool:
        """Whether the feature that serves `/docs` is kept."""
        routes = [context.original_route for context in iter_route_contexts(whole_app().routes)]
        (page,) = (each for each in routes if getattr(each, "path", "") == "/docs")
        return not self.left_out & {*page.endpoint.__module__.split(".")}  # type: ignore[attr-defined]

    def check_document(self) -> None:
        """Compare the document with that of this repository minus the features."""
        text = (ROOT / "docs/openapi.json").read_text(encoding="utf-8")
        for old, new in names(read_record(self.checkout)).items():
            text = text.replace(old, new)
        whole = json.loads(text)
        for name in self.left_out:
            whole = without(name, whole)
        whole["components"]["securitySchemes"] = self.schemes(whole)
        compare(json.loads(self.text("docs/openapi.json")), whole, exact=True)

    def schemes(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the security schemes that operations name, with the scopes of kept features."""
        kept = [feature for feature in FEATURES if feature.name not in self.left_out]
        scopes = {ADMIN, *(scope.name for feature in kept for scope in feature.scopes)}
        operations = [each for methods in document["paths"].values() for each in methods.values()]
        named = {name for each in operations for need in each.get("security", ()) for name in need}
        schemes = document["components"]["securitySchemes"]
        flow = schemes["OAuth2"]["flows"]["password"]
        flow["scopes"] = {name: text for name, text in flow["scopes"].items() if name in scopes}
        return {name: scheme for name, scheme in schemes.items() if name in named}


def compare(document: dict[str, Any], expected: dict[str, Any], *, exact: bool) -> None:
    """Compare two documents, whose addresses may differ unless it is exact.

    Raises:
        AssertionError: a path, an operation or a component differs.
    """
    if not exact:
        assert document["paths"].keys() == expected["paths"].keys()
        return
    extended, extensible = take_extended(document), take_extended(expected)
    assert extended.keys() == extensible.keys()
    assert is_part(extended, extensible)
    for part in ("info", "paths", "components", "tags", "webhooks"):
        assert document.get(part) == expected.get(part), f"The document differs in its {part}."


def attempt(name: str, left_out: set[str], *, quick: bool) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="project-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL runs as another user where this one is root.
        trial = Trial(home, left_out)
        trial.generate()
        trial.check_document()
        trial.run("make", "--keep-going", "check")
        trial.run("make", "test", *["ARGS=--collect-only -q -n0"] * quick)
        trial.serve()
    kept = len(FEATURES.by_name) - len(left_out)
    print(f"| {name} | {kept} | {time.monotonic() - started:.0f} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choices", nargs="*", metavar="CHOICE")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    print("| project | features | seconds |\n|---|--:|--:|", flush=True)
    for name in given.choices or choices():
        try:
            attempt(name, choices()[name], quick=given.quick)
        except (AssertionError, httpx2.HTTPError, subprocess.CalledProcessError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
