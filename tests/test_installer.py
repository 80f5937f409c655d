"""The installer of the packages, `.ci/uv`: which certificates it trusts."""

import os
import subprocess
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[1] / ".ci" / "uv"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with a uv that prints which certificates it would trust."""
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\necho "$UV_SYSTEM_CERTS"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("given", "expected"), [({}, "true"), ({"UV_SYSTEM_CERTS": "0"}, "0")])
def test_trusts_the_certificates_of_the_system_unless_the_environment_names_others(
    tools: Path, given: dict[str, str], expected: str
) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "UV_SYSTEM_CERTS"}
    path = f"{tools}:{inherited['PATH']}"

    done = subprocess.run(
        [INSTALLER, "pip", "list"],
        env={**inherited, "PATH": path, "UV_CACHE_DIR": str(tools), **given},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == expected
