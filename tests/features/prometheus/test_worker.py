"""The port for the metrics of `app worker`."""

import socket
import subprocess
from pathlib import Path

from tests.commands.test_serve import PRODUCTION
from tests.e2e.service import ROOT, app_command


def test_taken_port_for_metrics_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = PRODUCTION | {"PYTHONPATH": str(ROOT), "WORKER_METRICS_PORT": port}
        done = subprocess.run(
            app_command("worker"),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.startswith(f"Cannot listen on 127.0.0.1:{port} ")
    assert done.stderr.count("\n") == 1
