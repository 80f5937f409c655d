#!/usr/bin/env python3
"""Recompute the lock files, or with --check say whether they are in step with pyproject.toml.

With --prune, after dependencies were removed, pins that nothing needs any more are dropped. That
asks no registry, either.

The check compares a fingerprint of what was asked for, which each lock carries in its second
line, without a registry: a new release of a package must not break the build.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

RUNTIME = Path("requirements.txt")
DEVELOPMENT = Path("requirements-dev.txt")
PEERS = Path("benchmarks/peers/requirements.txt")  # feature: benchmarks
CLIENTS = Path("tests/clients/requirements.txt")
LOCKS = [RUNTIME, DEVELOPMENT, CLIENTS]
LOCKS.append(PEERS)  # feature: benchmarks
NPM_LOCKS = sorted(Path("tests").rglob("package-lock.json"))
COMPILE = [
    *(".ci/uv", "pip", "compile", "--quiet"),
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    # Neither this machine's paths nor its registry may end up in a committed file.
    *("--no-header", "--no-emit-index-url", "--no-emit-find-links"),
]


def main(arguments: list[str]) -> None:
    if arguments == ["--check"]:
        sys.exit("\n".join(find_problems()) or 0)
    if arguments == ["--prune"]:
        sys.exit(prune())
    recompute(arguments)


def recompute(options: list[str]) -> None:
    """Keep the pins that still fit, unless the options of uv (`--upgrade`) say otherwise."""
    alike = ("--constraints", str(RUNTIME))
    compile_lock(RUNTIME, "pyproject.toml", "--all-extras", *options)
    compile_lock(DEVELOPMENT, "pyproject.toml", "--all-extras", "--group", "dev", *alike, *options)
    compile_lock(PEERS, "--group", "peers", *alike, *options)  # feature: benchmarks
    compile_lock(CLIENTS, "--group", "clients", *options)


def compile_lock(lock: Path, *options: str) -> None:
    command = [*COMPILE, "--output-file", str(lock), *options]
    if status := subprocess.run(command, check=False).returncode:  # noqa: S603 (our own words)
        sys.exit(status)
    header = f"# Made by `make lock` from pyproject.toml.\n{fingerprint()}\n"
    lock.write_text(header + without_header(lock.read_text()))


def without_header(text: str) -> str:
    return re.sub(r"\A(#.*\n)+", "", text)


def prune() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    extras = project["project"].get("optional-dependencies", {}).values()
    base = sum(extras, project["project"]["dependencies"])
    groups = project["dependency-groups"]
    asked = {
        RUNTIME: base,
        DEVELOPMENT: base + groups["dev"],
        PEERS: groups["peers"],  # feature: benchmarks
        CLIENTS: groups["clients"],
    }
    for lock, requirements in asked.items():
        names = {re.split(r"[^\w.-]", each)[0].lower() for each in requirements}
        header = f"# Made by `make lock` from pyproject.toml.\n{fingerprint()}\n"
        lock.write_text(header + pruned(without_header(lock.read_text()), names))


def pruned(text: str, asked: set[str]) -> str:
    """Keep the pins that are asked for, or that a pin that is kept needs."""
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    needed_by = {entry.partition("==")[0]: dependents(entry) for entry in entries}
    kept = {name for name in needed_by if re.sub(r"\[.*", "", name) in asked}
    while more := {name for name, by in needed_by.items() if by & kept} - kept:
        kept |= more
    return "".join(entry for entry in entries if entry.partition("==")[0] in kept)


def dependents(entry: str) -> set[str]:
    """Read the names after `# via`, one in the same line or several below."""
    return set(re.findall(r"^    #(?: via|  ) ([\w.-]+)$", entry, re.MULTILINE))


def fingerprint() -> str:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    extras = project["project"].get("optional-dependencies", {})
    inputs = [
        project["project"]["requires-python"],
        sorted(project["project"]["dependencies"]),
        {name: sorted(extra) for name, extra in extras.items()},
        {name: sorted(group) for name, group in project["dependency-groups"].items()},
    ]
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"# inputs: sha256:{digest}"


def find_problems() -> list[str]:
    problems = [
        f"{lock} was made from other dependencies than pyproject.toml asks for: run `make lock`."
        for lock in LOCKS
        if fingerprint() not in lock.read_text().splitlines()[:2]
    ]
    problems += [
        f"{lock} names an address, which pins us to one registry or machine."
        for lock in (*LOCKS, *NPM_LOCKS)
        if "://" in lock.read_text()
    ]
    untested = sorted(pins(RUNTIME) - pins(DEVELOPMENT))
    if untested:
        problems.append(f"{DEVELOPMENT} pins other versions than {RUNTIME}: {', '.join(untested)}.")
    return problems


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^[a-z0-9][^ ;]*==[^ ;]+", lock.read_text(), re.MULTILINE))


if __name__ == "__main__":
    main(sys.argv[1:])
