"""The real service in a process of its own, and a browser to look at it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from tests.browser.chromium import Page, new_page
from tests.conftest import copy_template, with_database
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
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "run"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(process, address)
            yield address
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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


@pytest.fixture(scope="session")
def chromium() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("No Chromium was found on the PATH.")
    return program


@pytest.fixture
def page(chromium: str, service: str) -> Iterator[Page]:
    with new_page(chromium, service) as page:
        yield page
