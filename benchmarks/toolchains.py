"""Toolchains of the peers, outside the service's environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.service import ROOT

CACHE = ROOT / ".cache" / "benchmarks"
PEERS = ROOT / "benchmarks" / "peers"
PEERS_PYTHON = CACHE / "venv" / "bin" / "python"
EXPRESS = PEERS / "express"
GIN = CACHE / "gin"

LOCK = PEERS / "requirements.txt"
# Where Debian's packages golang-*-dev put their sources: no module proxy is asked.
GO_PATH = Path("/usr/share/gocode")
GO_PACKAGES = {
    "github.com/gin-gonic/gin": "golang-github-gin-gonic-gin-dev",
    "github.com/golang-jwt/jwt": "golang-github-golang-jwt-jwt-dev",
    "github.com/jackc/pgx/v4": "golang-github-jackc-pgx-v4-dev",
}


class MissingToolchain(Exception):
    """A peer cannot run here; the message says what to install."""


def install_python_peers() -> None:
    uv = str(ROOT / ".ci" / "uv")
    environment = {"PYTHON": sys.executable}
    if not PEERS_PYTHON.exists():
        run([uv, "venv", "--quiet", str(CACHE / "venv")], environment=environment)
    sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PEERS_PYTHON)]
    # The cache first: uv otherwise asks the index even when it has every package.
    try:
        run([*sync, "--offline", str(LOCK)], environment=environment)
    except MissingToolchain:
        run([*sync, str(LOCK)], environment=environment)


def install_express() -> None:
    require("node", "nodejs")
    require("npm", "npm")
    installed = EXPRESS / "node_modules" / ".package-lock.json"
    lock = EXPRESS / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run(["npm", "ci", "--silent", "--prefix", str(EXPRESS)])


def build_gin() -> None:
    require("go", "golang-go")
    missing = [
        package for path, package in GO_PACKAGES.items() if not (GO_PATH / "src" / path).is_dir()
    ]
    if missing:
        raise MissingToolchain(f"install the Debian packages {' '.join(missing)}.")
    environment = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(CACHE / "go")}
    run(["go", "build", "-o", str(GIN), "."], folder=PEERS / "gin", environment=environment)


def require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise MissingToolchain(f"there is no `{program}`; install {package}.")


def run(
    command: list[str], *, folder: Path = ROOT, environment: dict[str, str] | None = None
) -> None:
    whole = {**os.environ, **(environment or {})}
    done = subprocess.run(
        command, cwd=folder, env=whole, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise MissingToolchain(f"`{' '.join(command[:3])}` failed: {' '.join(reason)}")
