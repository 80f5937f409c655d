"""schemathesis with all its checks against a development server with demo data.

    make fuzz [MINUTES=60] [ARGS="--phases=coverage --generation-deterministic"]

Half of the time as an ordinary user, and half as an administrator. `schemathesis run` gets the
arguments. Starts PostgreSQL and the service and stops both. Exits with 1 when a check fails.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config.known_secrets import DEMO_PASSWORD
from app.devtools.postgres import embedded_postgres
from benchmarks.service import ROOT, Service, running_service

SCHEMATHESIS = ROOT / ".cache" / "clients" / "bin" / "schemathesis"
CONFIGURATION = ROOT / "tests" / "clients" / "fuzz.toml"
CHECKS = ROOT / "tests" / "clients" / "fuzz_checks.py"
ACCOUNTS = ("user", "admin")
# The life of an access token is an hour at most.
MAX_MINUTES = 100


def main(arguments: list[str]) -> int:
    minutes = float(arguments[0])
    if not 0 < minutes <= MAX_MINUTES:
        sys.exit(f"MINUTES is a number above 0, and {MAX_MINUTES} at most.")
    with service() as running:
        tokens = {account: sign_in(running, account) for account in ACCOUNTS}
        statuses = [
            fuzz(running, account, tokens[account], minutes / len(ACCOUNTS), arguments[1:])
            for account in ACCOUNTS
        ]
    return 1 if any(statuses) else 0


@contextmanager
def service() -> Iterator[Service]:
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        settings = {
            "DATABASE_URL": url,
            "LOG_LEVEL": "error",
            # A slow machine is no fault of the service.
            "REQUEST_TIMEOUT_SECONDS": "60",
            "DATABASE_COMMAND_TIMEOUT_SECONDS": "60",
            "DATABASE_CONNECT_TIMEOUT_SECONDS": "30",
            "DATABASE_POOL_TIMEOUT_SECONDS": "30",
            "ACCESS_TOKEN_EXPIRE_MINUTES": "60",
            "RATE_LIMIT_ENABLED": "false",
        }
        with running_service(Path(folder), settings, workers=1) as running:
            yield running


def sign_in(running: Service, account: str) -> str:
    form = {"username": account, "password": DEMO_PASSWORD}
    response = running.request("POST", "/api/v1/auth/token", data=form)
    return str(response.raise_for_status().json()["access_token"])


def fuzz(running: Service, account: str, token: str, minutes: float, options: list[str]) -> int:
    """Return the exit status of schemathesis."""
    print(f"\nAs {account}:", flush=True)
    seconds = max(1, round(minutes * 60))
    command = [
        *(str(SCHEMATHESIS), "--config-file", str(CONFIGURATION), "run"),
        *(str(ROOT / "docs" / "openapi.json"), "--url", running.url),
        *("--header", f"Authorization: Bearer {token}", "--max-time", str(seconds), *options),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(CHECKS)}
    return subprocess.run(command, env=environment, cwd=running.folder, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
