"""Instances of the service that are restarted while others serve."""

import asyncio
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.e2e.service import ROOT, app_command, free_port
from tests.polling import wait_until


@dataclass
class Instance:
    """One `app run` on a port that it keeps."""

    folder: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = inherited | {"PYTHONPATH": str(ROOT)} | self.settings
        command = app_command("run", "--port", str(self.port))
        self.process = subprocess.Popen(command, env=environment, cwd=self.folder)

    async def until_ready(self) -> None:
        await asyncio.to_thread(wait_until, self.is_ready)

    def is_ready(self) -> bool:
        try:
            with httpx2.Client(trust_env=False, timeout=5) as client:
                return client.get(f"http://127.0.0.1:{self.port}/readiness").is_success
        except httpx2.TransportError:
            return False

    async def stop(self) -> float:
        """Seconds from SIGTERM until the process was gone."""
        assert self.process
        started = time.perf_counter()
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)
        return time.perf_counter() - started

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
