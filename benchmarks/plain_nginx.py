"""nginx with the shipped configuration before one instance, without TLS, which is not measured."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.service import free_port, stop

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def nginx(folder: Path, checkout: Path, port: int) -> Iterator[int]:
    """The port of nginx with the configuration of the checkout, 0 where it is not installed."""
    if NGINX is None:
        yield 0
        return
    own_port = free_port()
    configure(folder, checkout, port, own_port)
    user = "user root;" if os.geteuid() == 0 else ""
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    command += ["-g", f"daemon off; pid {folder}/nginx.pid; {user}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield own_port
        finally:
            stop(process)


def configure(folder: Path, checkout: Path, port: int, own_port: int) -> None:
    """Replace what differs from host to host; without TLS, which is not what is measured."""
    shutil.copytree(checkout / "deploy" / "nginx", folder)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind}_temp;\n" for kind in kinds)
    files = {
        "listen.conf": f"listen 127.0.0.1:{own_port} default_server;\nserver_name _;\n",
        "redirect.conf": "",
        "upstream.conf": paths + upstreams(port),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def upstreams(port: int) -> str:
    """The groups of upstream.conf, whose instances Docker names."""
    server = f"server 127.0.0.1:{port} max_fails=0"
    return (
        f"upstream service {{ zone service 256k; {server} max_conns=32; keepalive 64; }}\n"
        f"upstream service_long {{ zone service_long 256k; {server}; keepalive 16; }}\n"
    )
