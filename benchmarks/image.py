"""The image as a drill: build the Dockerfile and run what it makes, without a container engine.

    python -m benchmarks.image [OPTIONS OF buildah build]

Makes a stand-in for the base image with debootstrap, builds with buildah, migrates and serves
as the user of the image on a PostgreSQL on the loopback interface, and asks the healthcheck.
Needs root, and Debian's buildah and debootstrap. Takes a few minutes, leaves nothing behind,
exits with 1 when something does not hold. If pip needs an index, give
that: ARGS="--volume /etc/pip.conf:/etc/pip.conf:ro".
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.devtools.postgres import embedded_postgres
from benchmarks.login_flood import Figure
from benchmarks.service import ROOT, free_port, stop, wait_until

BASE = "docker.io/library/python:3.11-slim-bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
TAG = "localhost/reference-api:drill"
TOOLS = ("buildah", "debootstrap")
MEBI = 1024 * 1024
MAX_MEBIBYTES_ON_BASE = 300


@dataclass(frozen=True)
class Buildah:
    """buildah with a storage of its own, and nothing that only a container engine can do."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        storage = ["--root", f"{self.folder}/storage", "--runroot", f"{self.folder}/run"]
        return ["buildah", *storage, "--storage-driver", "vfs", *arguments]

    def say(self, *arguments: str) -> str:
        environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            self.command(*arguments), env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.say("inspect", "--type", "image", image))
        return found

    def bytes_of(self, image: str) -> int:
        (found,) = json.loads(self.say("images", "--json", image))
        size: str = found["size"]
        number, unit = size.split()
        return int(float(number) * {"MB": 10**6, "GB": 10**9}[unit])


def main() -> int:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        print(f"skipped: needs root and {' and '.join(missing or TOOLS)}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = drill(Path(folder), sys.argv[1:])
    print(*figures, sep="\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


def drill(folder: Path, options: list[str]) -> list[Figure]:
    buildah = Buildah(folder)
    make_base(buildah, folder / "base")
    started = time.perf_counter()
    # --format: the healthcheck is not part of OCI's.
    fixed = ["--format", "docker", "--pull=never", "--layers=false", "--tag", TAG]
    buildah.say("build", "--quiet", *fixed, *options, str(ROOT))
    seconds = time.perf_counter() - started
    added = (buildah.bytes_of(TAG) - buildah.bytes_of(BASE)) / MEBI
    return [
        Figure("built in", seconds, "s"),
        Figure("added to the base", added, "MiB", MAX_MEBIBYTES_ON_BASE),
        *run(buildah, folder),
    ]


def make_base(buildah: Buildah, folder: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    # As the real base calls it.
    (folder / "usr/bin/python").symlink_to("python3")
    container = buildah.say("from", "scratch")
    buildah.say("add", "--quiet", container, str(folder), "/")
    buildah.say("commit", "--quiet", "--rm", container, BASE)


def run(buildah: Buildah, folder: Path) -> list[Figure]:
    config = buildah.inspect(TAG)["Docker"]["config"]
    container, port = buildah.say("from", "--pull=never", TAG), free_port()
    with ExitStack() as stack:
        url = stack.enter_context(embedded_postgres(folder / "postgres", durable=False))
        settings = {"DATABASE_URL": url, "SECRET_KEY": os.urandom(32).hex(), "PORT": str(port)}
        inside = ["run", *(f"--env={key}={value}" for key, value in settings.items()), container]
        buildah.say(*inside, "--", *config["Entrypoint"], "db", "upgrade")
        check = [*inside, "--", *config["Healthcheck"]["Test"][1:]]
        before = succeeds(buildah, check)
        serving = buildah.command(*inside, "--", *config["Entrypoint"], *config["Cmd"])
        environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}
        process = subprocess.Popen(serving, env=environment)
        stack.callback(stop, process)
        started = time.perf_counter()
        wait_until(lambda: succeeds(buildah, check))
        seconds = time.perf_counter() - started
        owner = int(buildah.say(*inside, "--", "id", "-u"))
        may_write = succeeds(buildah, [*inside, "--", "touch", "/service/app/written"])
    return [
        Figure("healthy before it serves", before, "", 0),
        Figure("healthy after", seconds, "s"),
        Figure("its user", owner, ""),
        Figure("runs as root", owner == 0, "", 0),
        Figure("may change its own code", may_write, "", 0),
    ]


def succeeds(buildah: Buildah, arguments: list[str]) -> bool:
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}
    command = buildah.command(*arguments)
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
