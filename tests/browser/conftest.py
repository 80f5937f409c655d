"""Fixtures: the real service in a process of its own, and a browser."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from tests.browser.chromium import Browser, Page, new_page, running_browser
from tests.conftest import copy_template, with_database
from tests.e2e.service import app_command, free_port
from tests.polling import wait_until

PATIENCE_SECONDS = 60


@pytest.fixture(scope="session")
def service(server_url: str, worker_id: str) -> Iterator[str]:
    """The address of a service in development, with its demo users."""
    name = f"browser_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": with_database(server_url, name),
        "ENVIRONMENT": "development",
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "error",
        "PORT": str(port),
        # The first answer of /openapi.json is computed, which takes long on a busy machine.
        "REQUEST_TIMEOUT_SECONDS": "60",
    }
    with subprocess.Popen(app_command("run"), env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(process, address)
            yield address
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", address: str) -> None:
    def is_ready_or_gone() -> bool:
        assert process.poll() is None, "The service did not start."
        return is_ready(address)

    wait_until(is_ready_or_gone, PATIENCE_SECONDS)


def is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readiness", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
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
