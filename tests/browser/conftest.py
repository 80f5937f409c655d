"""Fixtures: the real service in a process of its own, and a browser."""

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.browser.chromium import Browser, Page, new_page, running_browser
from tests.conftest import copy_template, with_database
from tests.e2e.service import app_command, free_port, plain_client
from tests.polling import wait_until

PATIENCE_SECONDS = 120


class DevelopmentService:
    """A service in development, with its demo users, that can be restarted."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self._port = free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        environment = os.environ | {
            "DATABASE_URL": self.database_url,
            "ENVIRONMENT": "development",
            "HOST": "127.0.0.1",
            "LOG_LEVEL": "error",
            "PORT": str(self._port),
            # The first response of /openapi.json is generated, which takes long on a busy machine;
            # so do the demo data, without which the service would start all the same.
            "REQUEST_TIMEOUT_SECONDS": "60",
            "DATABASE_COMMAND_TIMEOUT_SECONDS": "60",
            "DATABASE_CONNECT_TIMEOUT_SECONDS": "60",
        }
        with subprocess.Popen(app_command("run"), env=environment) as process:
            try:
                wait_until_ready(process, self.address)
                yield
            finally:
                process.terminate()
                process.wait()


@pytest.fixture(scope="package")
def service(server_url: str, worker_id: str) -> Iterator[str]:
    """The address of a service in development, with its demo users."""
    name = f"browser_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    service = DevelopmentService(with_database(server_url, name))
    with service.running():
        yield service.address


@pytest.fixture
def stopped_service(server_url: str) -> DevelopmentService:
    """A service of the test's own, which it starts and stops."""
    name = f"browser_{uuid.uuid4().hex}"
    asyncio.run(copy_template(server_url, name))
    return DevelopmentService(with_database(server_url, name))


def wait_until_ready(process: "subprocess.Popen[bytes]", address: str) -> None:
    def is_ready_or_gone() -> bool:
        assert process.poll() is None, "The service did not start."
        return is_ready(address)

    # Without the pause, the requests would take the processor from the service that starts.
    wait_until(is_ready_or_gone, PATIENCE_SECONDS, pause_seconds=0.1)


def is_ready(address: str) -> bool:
    try:
        with plain_client(base_url=address) as client:
            return client.get("/readiness").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("No Chromium was found on the PATH.")
    with running_browser(program) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: str) -> Iterator[Page]:
    with new_page(browser, service) as page:
        yield page
