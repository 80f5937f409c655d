"""Watchdog: a stuck event loop ends its process and logs its stack."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, os, signal, subprocess, sys, time
from app.config.settings import Settings
from app.observability.logging import configure_logging
from app.features.log_writer.log_writer import LogWriter
from app.features.watchdog.watchdog import Watchdog

def get_stuck():
    while True:
        time.sleep(0.01)

async def stopped():
    # Another program stops this process for longer than the timeout.
    subprocess.Popen([sys.executable, "-c",
        f"import os, signal, time; os.kill({os.getpid()}, signal.SIGSTOP); time.sleep(2);"
        f"os.kill({os.getpid()}, signal.SIGCONT)"])
    await asyncio.sleep(3)

async def main():
    writer = LogWriter(sys.stdout)
    configure_logging(Settings(_env_file=None, environment="test"), writer)
    writer.start()
    watchdog = Watchdog(1, writer)
    watchdog.start()
    await asyncio.sleep(1.5)
    { act }
    await watchdog.close()
    writer.close()

asyncio.run(main())
"""


def outcome(act: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{ act }", act)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class TestStuckLoop:
    def test_stuck_loop_ends_the_process_and_logs_the_stack(self) -> None:
        done = outcome("get_stuck()")

        assert done.returncode == 70, done.stderr
        [line] = [json.loads(line) for line in done.stdout.splitlines()]
        assert line["event"] == "event loop stuck"
        assert "get_stuck" in line["stack"]


class TestHealthyLoop:
    def test_healthy_loop_is_not_interrupted_even_while_the_process_is_stopped(self) -> None:
        done = outcome("await stopped()")

        assert (done.returncode, done.stdout) == (0, ""), done.stderr
