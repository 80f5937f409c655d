"""The servers of a comparison: this service as production runs it, and its peers."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks import toolchains
from benchmarks.service import ROOT, app_command
from benchmarks.toolchains import PEERS

SECRET_KEY = "a-secret-for-measurements-that-is-long-enough"
POOL_SIZE = 10


@dataclass(frozen=True)
class Server:
    """`command` may hold `{port}`; `prepare` raises MissingToolchain where it cannot run."""

    name: str
    title: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None

    def command_on(self, port: int) -> list[str]:
        return [part.replace("{port}", str(port)) for part in self.command]

    def settings(self, database_url: str, port: int, collector: str) -> dict[str, str]:
        given = {
            "DATABASE_URL": database_url.replace("+asyncpg", ""),
            "SECRET_KEY": SECRET_KEY,
            "POOL_SIZE": str(POOL_SIZE),
            "PORT": str(port),
        }
        own = {k: v.replace("{collector}", collector) for k, v in self.environment.items()}
        return given | own


SERVICE = Server(
    "service",
    "this service",
    app_command("run", "--port", "{port}"),
    {
        "ENVIRONMENT": "production",
        "PUBLIC_URL": "https://api.example.com",
        "PYTHONPATH": str(ROOT),
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
        "ACCESS_TOKEN_EXPIRE_MINUTES": "60",
        # Counted as always, and never reached.
        "RATE_LIMIT_DEFAULT": "999999999/minute",
        "MAIL_FOLDER": "mails",
        "STORAGE_URL": "files",
    },
)


TRACED = replace(
    SERVICE,
    name="service_traced",
    title="this service, traced",
    environment=SERVICE.environment
    | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "{collector}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    },
)


def asgi(name: str, title: str) -> Server:
    """One uvicorn worker with uvloop and httptools, like this service."""
    command = [str(toolchains.PEERS_PYTHON), "-m", "uvicorn", "--app-dir", str(PEERS / name)]
    command += ["--port", "{port}", "--no-access-log", "--log-level", "warning", "app:app"]
    return python(name, title, command)


def wsgi(name: str, title: str) -> Server:
    """One gunicorn worker with as many threads as connections to the database."""
    command = [str(toolchains.PEERS_PYTHON), "-m", "gunicorn", "--chdir", str(PEERS / name)]
    command += ["--bind", "127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread"]
    command += ["--threads", str(POOL_SIZE), "--keep-alive", "65", "--log-level", "warning"]
    return python(name, title, [*command, "app:app"])


def python(name: str, title: str, command: list[str]) -> Server:
    environment = {"PYTHONPATH": str(PEERS)}
    return Server(name, title, command, environment, toolchains.install_python_peers)


BARE_FASTAPI = asgi("fastapi_asyncpg", "FastAPI + asyncpg")

SERVERS = [
    SERVICE,
    TRACED,
    Server(
        "gin",
        "Gin + pgx (Go)",
        [str(toolchains.GIN)],
        {"GIN_MODE": "release"},
        toolchains.build_gin,
    ),
    asgi("asgi", "bare ASGI + asyncpg"),
    Server(
        "express",
        "Express + pg (Node)",
        ["node", str(toolchains.EXPRESS / "server.js")],
        {"NODE_ENV": "production"},
        toolchains.install_express,
    ),
    BARE_FASTAPI,
    wsgi("flask", "Flask + psycopg"),
    asgi("fastapi_sqlalchemy", "FastAPI + SQLAlchemy, textbook"),
    wsgi("django", "Django + its ORM"),
]


def prepared(names: list[str]) -> list[Server]:
    """This service and the peers of these names (all without any) that can run here."""
    wanted = [each for each in SERVERS if not names or each.name in [*names, SERVICE.name]]
    return [each for each in wanted if is_prepared(each)]


def is_prepared(server: Server) -> bool:
    try:
        server.prepare()
    except toolchains.MissingToolchain as error:
        print(f"  skipped: {server.title}: {error}", file=sys.stderr)
        return False
    return True


def title_of(name: str) -> str:
    return next(each.title for each in SERVERS if each.name == name)
