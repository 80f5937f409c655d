"""The real nginx with the configuration of deploy/nginx/, on ports of its own."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.certificates import Certificate, write_certificate
from benchmarks.service import ROOT, free_port, wait_until

SHIPPED = ROOT / "deploy" / "nginx"
BINARY = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
NAME = "localhost"
STOP_SECONDS = 10
# As shipped in upstream.conf.
MAX_CONNS = 32
# What differs from host to host. Debian's nginx 1.22 knows neither `http2 on` nor `resolve`.
LISTEN = """
listen 127.0.0.1:{port} ssl http2 default_server;
server_name _;
ssl_certificate {certificate};
ssl_certificate_key {certificate};
"""
REDIRECT = "server {{ listen 127.0.0.1:{port}; return 308 https://$host$request_uri; }}"
UPSTREAM = """
upstream {name} {{
    zone {name} 256k;
    least_conn;
    {servers}
    keepalive 64;
    keepalive_timeout 50s;
}}
"""
# The defaults of the package belong to root.
FOLDERS = [f"{kind}_temp_path" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]


@dataclass(frozen=True)
class Nginx:
    port: int
    plain_port: int
    certificate: Certificate
    folder: Path

    @property
    def pid(self) -> int:
        return int((self.folder / "nginx.pid").read_text())

    def reload(self) -> None:
        """Read the configuration again; old workers serve until the new ones have started."""
        os.kill(self.pid, signal.SIGHUP)

    def stored_bytes(self) -> int:
        """Of request bodies, in files that are unlinked as soon as they are open."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        files = [file for child in children for file in Path(f"/proc/{child}/fd").iterdir()]
        return sum(each.stat().st_size for each in files if "client_body" in str(each.readlink()))

    def trusting(self) -> ssl.SSLContext:
        return self.certificate.client()


@contextmanager
def running_nginx(
    folder: Path, instances: list[int], *, max_conns: int = MAX_CONNS
) -> Iterator[Nginx]:
    """nginx before the services on these ports; in a folder that it makes."""
    assert BINARY
    folder.mkdir()
    nginx = Nginx(free_port(), free_port(), write_certificate(folder, NAME), folder)
    configure(folder, nginx, instances, max_conns)
    command = [BINARY, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    # Otherwise the workers of root's nginx would be a user who may not read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    command += ["-e", "stderr", "-g", f"daemon off; pid {folder}/nginx.pid; {user}"]
    with (
        (folder / "error.log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or accepts(nginx.port))
            yield nginx
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def configure(folder: Path, nginx: Nginx, instances: list[int], max_conns: int) -> None:
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    limits = {"service": f" max_conns={max_conns}", "service_long": ""}
    groups = "".join(
        UPSTREAM.format(
            name=name,
            servers=" ".join(f"server 127.0.0.1:{port} max_fails=0{limit};" for port in instances),
        )
        for name, limit in limits.items()
    )
    folders = "".join(f"{name} {folder}/{name};\n" for name in FOLDERS)
    files = {
        "listen.conf": LISTEN.format(port=nginx.port, certificate=nginx.certificate.file),
        "redirect.conf": REDIRECT.format(port=nginx.plain_port),
        "upstream.conf": folders + groups,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
