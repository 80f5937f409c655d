"""One service for all end-to-end tests, on a database of its own."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import copy_template, with_database
from tests.e2e.service import Service, app_command, running_service

SECRET = "a-secret-of-production-for-tests-only"


@pytest.fixture(scope="package")
def service(
    server_url: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service in production, with two workers and asymmetric tokens."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("Worker processes are found through /proc.")
    folder, name = tmp_path_factory.mktemp("service"), f"e2e_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    environment = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": with_database(server_url, name),
        "ALGORITHM": "ES256",
        "SIGNING_KEY_FILE": str(folder / "signing.pem"),
        "RUN_WORKER": "true",
        "MAIL_FOLDER": str(folder / "mails"),
        "LOG_LEVEL": "error",
        "EVENT_STREAMS_PER_USER": "200",
    }
    subprocess.run(app_command("keys", "generate", environment["SIGNING_KEY_FILE"]), check=True)
    with running_service(folder, environment, workers=2) as service:
        yield service
