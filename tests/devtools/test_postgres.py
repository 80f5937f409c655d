"""The embedded PostgreSQL: real servers, real kills."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.devtools import postgres_process as embedded_process
from app.devtools import postgres_server as embedded_server
from app.devtools.postgres import EmbeddedPostgresError, embedded_postgres, running_url
from app.devtools.postgres_server import Server

USER = """
import signal, sys
from pathlib import Path
from app.devtools.postgres import embedded_postgres

if "deaf" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
with embedded_postgres(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root has to drop its rights")


class User:
    """Another process inside `embedded_postgres`, until its standard input ends."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER, folder, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        assert self.process.stdout
        return str(self.process.stdout.readline().strip())

    def leave(self) -> int:
        self.process.communicate()
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    yield from watched(tmp_path / "postgres")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("embedded") / "postgres"
    with embedded_postgres(template, durable=False):
        return template


@pytest.fixture
def folder(template: Path, empty: Path) -> Path:
    """Data that was in use before: a copy takes a tenth of the time of initdb."""
    copy(template, empty)
    (empty / "port").unlink()
    return empty


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may access, unlike `tmp_path` of root, and perhaps the checkout."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        yield from watched(Path(parent) / "postgres")


@pytest.fixture
def install_programs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Copies the programs of PostgreSQL to a folder, and starts them there."""

    def install(folder: Path) -> None:
        installed = Path(embedded_process.binary("postgres")).parents[3]
        for part in installed.glob("embedded_postgres*"):
            shutil.copytree(part, folder / part.name)
        monkeypatch.syspath_prepend(folder)

    return install


@pytest.fixture
def enter() -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def enter(folder: Path, *arguments: str) -> User:
        users.append(User(folder, *arguments))
        return users[-1]

    yield enter
    for user in users:
        user.kill()


def watched(folder: Path) -> Iterator[Path]:
    """Leave no server behind, however the test ends."""
    yield folder
    if folder.exists():
        Server(folder).stop()


def copy(source: Path, target: Path) -> None:
    # Root needs the owner kept, which shutil does not.
    subprocess.run(["/bin/cp", "-a", source, target], check=True)


def ask(url: str, *queries: str) -> Any:
    async def last_answer() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=60)
        try:
            return [await connection.fetchval(query) for query in queries][-1]
        finally:
            await connection.close()

    return asyncio.run(last_answer())


def postmaster(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])


def status(folder: Path, *names: str) -> tuple[str, ...]:
    lines = Path(f"/proc/{postmaster(folder)}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines)
    return tuple(fields[name].split()[0] for name in names)


def eventually(condition: Callable[[], bool]) -> bool:
    return any(condition() for _ in embedded_server.polls(10))


def test_a_new_folder_gets_a_server_that_stops_with_its_last_user(empty: Path) -> None:
    with embedded_postgres(empty) as url:
        assert running_url(empty) == url
        assert ask(url, "SELECT current_database() || session_user") == "appapp"
        assert ask(url, "SELECT usesuper FROM pg_user WHERE usename = 'app'")

    assert running_url(empty) is None
    assert not embedded_process.is_held(empty / "server.lock")


def test_the_server_has_fixed_collation_and_time_zone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "POSIX", "PGTZ": "Asia/Tokyo", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)

    with embedded_postgres(folder, durable=False) as url:
        assert ask(url, "SELECT lower('ÄÉ') || current_setting('timezone')") == "äéUTC"
        assert ask(url, "SHOW server_encoding") == "UTF8"


def test_only_tcp_on_the_loopback_with_the_password_is_accepted(folder: Path) -> None:
    with embedded_postgres(folder, durable=False) as url:
        assert ask(url, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
        assert ask(url, "SHOW unix_socket_directories") == ""
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace("app:", "app:wrong"), "SELECT 1")


def test_durability_is_traded_for_speed_only_on_request(folder: Path) -> None:
    setting = "SELECT current_setting('fsync') || current_setting('full_page_writes')"

    with embedded_postgres(folder, durable=False) as url:
        assert ask(url, setting) == "offoff"
    with embedded_postgres(folder) as url:
        assert ask(url, setting) == "onon"


def test_data_password_and_port_outlive_a_restart(folder: Path) -> None:
    with embedded_postgres(folder, durable=False) as first:
        ask(first, "CREATE TABLE kept AS SELECT 7 AS n")

    with embedded_postgres(folder, durable=False) as second:
        assert second == first
        assert ask(second, "SELECT n FROM kept") == 7


def test_a_port_used_by_another_program_is_replaced(folder: Path) -> None:
    with embedded_postgres(folder, durable=False) as first:
        port = int((folder / "port").read_text())

    with (
        socket.create_server(("127.0.0.1", port)),
        embedded_postgres(folder, durable=False) as second,
    ):
        assert second != first
        assert ask(second, "SELECT 1") == 1


def test_a_port_lost_at_the_last_moment_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_server, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other_client:
        taken = other_client.getsockname()[1]
        ports = iter([taken, 0])
        free_port = embedded_process.free_port
        monkeypatch.setattr(embedded_server, "free_port", lambda _: next(ports) or free_port(0))

        with embedded_postgres(folder, durable=False) as url:
            assert f":{taken}/" not in url


def test_the_last_of_two_users_stops_the_server(folder: Path, enter: Callable[..., User]) -> None:
    with embedded_postgres(folder, durable=False) as url:
        other = enter(folder)
        assert other.url == url

    assert running_url(folder) == url
    assert other.leave() == 0
    assert running_url(folder) is None


def test_concurrent_users_share_one_server(empty: Path, enter: Callable[..., User]) -> None:
    users = [enter(empty) for _ in range(4)]

    assert len({user.url for user in users}) == 1
    assert [user.leave() for user in users] == [0] * 4
    assert running_url(empty) is None


def test_a_server_left_by_a_killed_user_is_adopted_and_stopped(
    folder: Path, enter: Callable[..., User]
) -> None:
    user = enter(folder)
    url, server = user.url, postmaster(folder)
    user.kill()
    assert running_url(folder) == url

    with embedded_postgres(folder) as adopted:
        assert (adopted, postmaster(folder)) == (url, server)

    assert running_url(folder) is None


def test_a_killed_postmaster_is_replaced_without_loss(folder: Path) -> None:
    with embedded_postgres(folder) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(postmaster(folder), signal.SIGKILL)

        with embedded_postgres(folder) as recovered:
            assert recovered == url
            assert ask(recovered, "SELECT n FROM kept") == 7


def test_orphaned_backends_are_awaited(folder: Path) -> None:
    async def lose_the_postmaster(url: str) -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        query = "SELECT count(*) FROM generate_series(1, 1e9)"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(connection.fetchval(query)), 0.2)
        os.kill(postmaster(folder), signal.SIGKILL)
        connection.terminate()

    with embedded_postgres(folder, durable=False) as url:
        asyncio.run(lose_the_postmaster(url))
        with embedded_postgres(folder, durable=False) as recovered:
            assert ask(recovered, "SELECT 1") == 1


def test_a_pid_file_of_another_live_process_is_ignored(folder: Path) -> None:
    with embedded_postgres(folder, durable=False):
        left = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    other_client = subprocess.Popen(["/bin/sleep", "60"], user="nobody" if ROOT else None)
    left[0] = str(other_client.pid)
    (folder / "cluster" / "postmaster.pid").write_text("\n".join(left))

    try:
        with embedded_postgres(folder, durable=False) as url:
            assert ask(url, "SELECT 1") == 1
        assert other_client.poll() is None
    finally:
        other_client.kill()
        other_client.wait()


def test_an_interrupted_initdb_is_repeated(empty: Path, enter: Callable[..., User]) -> None:
    user = enter(empty)
    assert eventually((empty / "cluster.partial" / "PG_VERSION").exists)
    user.kill()
    assert not (empty / "cluster").exists()

    with embedded_postgres(empty, durable=False) as url:
        assert ask(url, "SELECT 1") == 1


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(
    folder: Path, enter: Callable[..., User]
) -> None:
    user = enter(folder, "deaf")
    url = user.url

    os.killpg(user.process.pid, signal.SIGINT)

    assert ask(url, "SELECT 1") == 1
    assert user.leave() == 0
    assert "received fast shutdown request" in (folder / "server.log").read_text()


def test_old_lock_files_are_harmless(empty: Path) -> None:
    empty.mkdir()
    for name in ("turn.lock", "users.lock", "server.lock"):
        (empty / name).write_text("4711")

    with embedded_postgres(empty, durable=False) as url:
        assert running_url(empty) == url


def test_the_server_of_a_copied_folder_is_not_adopted(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    with embedded_postgres(folder, durable=False) as url:
        copy(folder, copied)
        with (copied / "server.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert running_url(copied) is None

        with embedded_postgres(copied, durable=False) as other:
            assert running_url(folder) == url != other
            assert ask(other, "SHOW data_directory") == str(copied / "cluster")


def test_a_deleted_folder_causes_no_error(folder: Path, tmp_path: Path) -> None:
    trash = tmp_path / "trash"
    with embedded_postgres(folder, durable=False):
        folder.rename(trash)
    assert running_url(folder) is None

    # Here a server would notice within a minute, and end.
    os.kill(postmaster(trash), signal.SIGQUIT)
    assert eventually(lambda: not embedded_process.is_held(trash / "server.lock"))


def test_a_broken_folder_is_rejected_in_one_sentence(folder: Path) -> None:
    (folder / "cluster" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedPostgresError) as rejection, embedded_postgres(folder):
        pass

    assert str(rejection.value) == (
        f"The data folder {folder} is not usable by PostgreSQL: database files are "
        f"incompatible with server; see {folder}/server.log, or remove the folder with "
        "`make reset`."
    )


def test_a_folder_that_cannot_be_created_is_rejected_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(EmbeddedPostgresError, match="Not a directory"),
        embedded_postgres(tmp_path / "file" / "postgres"),
    ):
        pass


def test_missing_binaries_are_named(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with (
        pytest.raises(EmbeddedPostgresError, match="install the development dependencies"),
        embedded_postgres(empty),
    ):
        pass


def test_a_hanging_server_is_reported_and_not_started_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded_postgres(folder, durable=False):
        monkeypatch.setattr(embedded_server, "START_SECONDS", 0.1)
        monkeypatch.setattr(embedded_server, "ANSWER_SECONDS", 0.1)
        server = postmaster(folder)
        os.kill(server, signal.SIGSTOP)
        try:
            with (
                pytest.raises(EmbeddedPostgresError, match="neither responds nor ends"),
                embedded_postgres(folder),
            ):
                pass
        finally:
            os.kill(server, signal.SIGCONT)
            monkeypatch.undo()


def test_no_server_runs_on_a_missing_folder(tmp_path: Path) -> None:
    assert running_url(tmp_path / "nothing") is None


@as_root
def test_root_runs_the_server_unprivileged_in_an_accessible_folder(
    open_folder: Path, install_programs: Callable[[Path], None]
) -> None:
    install_programs(open_folder.parent)

    with embedded_postgres(open_folder, durable=False):
        assert status(open_folder, "Uid", "CapPrm") == ("65534", "0000000000000000")


@as_root
def test_root_runs_the_server_from_its_private_home_without_changing_permissions(
    tmp_path: Path, install_programs: Callable[[Path], None]
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    install_programs(home)

    with embedded_postgres(home / "postgres", durable=False) as url:
        assert ask(url, "CREATE EXTENSION pg_trgm", "SELECT show_trgm('a')") == ["  a", " a "]
        assert status(home / "postgres", "Uid", "CapPrm") == ("65534", "0000000000000004")
    assert home.stat().st_mode & 0o777 == 0o700
