"""Load: the same requests over and over on many connections, by wrk where it is installed."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import generator

CONNECTIONS = 4
# Any status above 399 counts as an error; wrk itself asks for that number.
SCRIPT = """
local requests = {%s}
local turn = 0

function request()
    turn = turn %% #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        '\\n{"requests": %%d, "errors": %%d, "seconds": %%f, "p50": %%f, "p99": %%f}\\n',
        summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
        summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def raw(self) -> str:
        """As HTTP/1.1 writes it; ASCII only."""
        headers = {"Host": "127.0.0.1", **self.headers}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", self.body])


@dataclass(frozen=True)
class Load:
    """What was answered; `p50` and `p99` in milliseconds."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p99: float


def send(
    port: int, requests: list[Request], seconds: float, connections: int = CONNECTIONS
) -> Load:
    """Send the requests in turn on each connection, the next as soon as one is answered."""
    raw = [request.raw for request in requests]
    if shutil.which("wrk"):
        return by_wrk(port, raw, seconds, connections)
    answered = generator.send(port, [each.encode() for each in raw], seconds, connections)
    return Load(*asyncio.run(answered))


def by_wrk(port: int, raw: list[str], seconds: float, connections: int) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "requests.lua"
        # The escapes of JSON in ASCII without \u are those of Lua.
        script.write_text(SCRIPT % ",".join(json.dumps(each) for each in raw))
        # wrk counts whole seconds.
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", "10s", "-s", str(script), f"http://127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))
