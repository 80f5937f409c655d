"""The command line itself: completion in shells, and errors that help."""

import os
import subprocess
import sys
from pathlib import Path

APP = Path(sys.executable).with_name("app")


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [APP, *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_completes_commands_in_a_shell() -> None:
    done = run(COMP_WORDS="app us", COMP_CWORD="1", _APP_COMPLETE="complete_bash")

    assert done.stdout.split() == ["users"]


def test_unknown_command_names_a_similar_one() -> None:
    done = run("usres")

    assert done.returncode == 2
    assert "Did you mean 'users'?" in done.stderr
