"""The installer of the packages, `.ci/uv`: which certificates it trusts."""

import os
import subprocess
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[1] / ".ci" / "uv"
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with a uv that prints which certificates it would trust."""
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\necho "$UV_SYSTEM_CERTS" "${SSL_CERT_FILE:-}"\n')
    program.chmod(0o755)
    return tmp_path


def installer(tools: Path, **given: str) -> subprocess.CompletedProcess[str]:
    variables = ("UV_SYSTEM_CERTS", *CERTIFICATES)
    inherited = {name: value for name, value in os.environ.items() if name not in variables}
    path = f"{tools}:{inherited['PATH']}"
    return subprocess.run(
        [INSTALLER, "pip", "list"],
        env={**inherited, "PATH": path, "UV_CACHE_DIR": str(tools), **given},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize(("given", "expected"), [({}, "true"), ({"UV_SYSTEM_CERTS": "0"}, "0")])
def test_trusts_the_certificates_of_the_system_unless_the_environment_names_others(
    tools: Path, given: dict[str, str], expected: str
) -> None:
    assert installer(tools, **given).stdout.split() == [expected]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_trusts_the_certificate_that_is_named_for_another_program(tools: Path, name: str) -> None:
    certificate = tools / "proxy.pem"
    certificate.touch()

    assert installer(tools, **{name: str(certificate)}).stdout.split()[1:] == [str(certificate)]


def test_names_the_variable_of_a_missing_certificate(tools: Path) -> None:
    ended = installer(tools, PIP_CERT="/nowhere.pem")

    assert ended.stderr.startswith("PIP_CERT names /nowhere.pem, which cannot be read")
    assert ended.stdout.split() == ["true"]
