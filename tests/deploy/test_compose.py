"""The Compose files against the application, the image and the files that they mount."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.commands.database import service_role
from app.config.settings import load_settings
from tests.deploy.compose import LOCAL, LOCAL_FILE, PRODUCTION, PRODUCTION_FILE, Node, text_of
from tests.deploy.image import PORT, VOLUME, is_command, last_argument
from tests.e2e.service import ROOT
from tests.settings import SETTINGS

TEXT = text_of(LOCAL_FILE) + text_of(PRODUCTION_FILE)
EXPLAINED = (ROOT / ".env.example").read_text(encoding="utf-8")
ROLES = (ROOT / "deploy/postgres/roles.sql").read_text(encoding="utf-8")
SERVICES: dict[str, Node] = PRODUCTION["services"]
LOCAL_SERVICES: dict[str, Node] = LOCAL["services"]
STORES = {"db", "redis"} & SERVICES.keys()
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
LOCAL_WEB = LOCAL_SERVICES["web"]
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")

URLS = ("DATABASE_URL", "REDIS_URL")
GIVEN = {
    "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
    "POSTGRES_PASSWORD": "a-password-for-the-administrator",
    "POSTGRES_OWNER_PASSWORD": "a-password-for-the-owner",
    "POSTGRES_SERVICE_PASSWORD": "a-password-for-the-service",
    "PUBLIC_URL": "https://api.example.com",
    "TLS_FOLDER": "/tls",
}
# Emptied, because `.env` as a whole is handed to the service.
NOT_FOR_THE_SERVICE = {"POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD"}

OF_PYTHON = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}


def resolved(text: str) -> str:
    return VARIABLE.sub(lambda found: GIVEN.get(found[1], found[2] or ""), text)


def mounts(service: Node) -> list[tuple[str, str]]:
    """Return source and target."""
    parts = [resolved(volume).split(":") for volume in service.get("volumes", ())]
    return [(source, target) for source, target, *_ in parts]


class TestRoles:
    def test_each_role_has_a_service(self) -> None:
        assert set(OURS) == {"web", "worker", "migrate"}

    @pytest.mark.parametrize("name", ["web", "worker", "migrate"])
    def test_command_exists(self, name: str) -> None:
        assert is_command(OURS[name]["command"])

    @pytest.mark.parametrize("service", OURS.values(), ids=OURS)
    def test_settings_start_the_service(
        self, service: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = {name: resolved(value) for name, value in service["environment"].items()}
        for name, value in given.items():
            monkeypatch.setenv(name, value)

        settings = load_settings(_env_file=None)

        assert set(given) <= SETTINGS | NOT_FOR_THE_SERVICE | OF_PYTHON
        assert settings.environment == "production"

    @pytest.mark.parametrize("service", OURS.values(), ids=OURS)
    def test_writes_only_to_its_volume(self, service: Node) -> None:
        settings = service["environment"]

        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert mounts(service) == [("data", VOLUME)]
        for name in {"STORAGE_URL", "MAIL_FOLDER"} & settings.keys():
            assert Path(VOLUME) in Path(settings[name]).parents

    @pytest.mark.parametrize("name", ["web", "worker"])
    def test_service_knows_only_its_own_role(self, name: str) -> None:
        given = {key: resolved(value) for key, value in OURS[name]["environment"].items()}

        login = urlsplit(given["DATABASE_URL"])
        assert (login.username, login.password) == ("app", GIVEN["POSTGRES_SERVICE_PASSWORD"])
        for secret in (*NOT_FOR_THE_SERVICE, "MIGRATIONS_DATABASE_URL"):
            assert given[secret] == ""

    def test_migrations_run_as_the_owner(self) -> None:
        given = {key: resolved(value) for key, value in OURS["migrate"]["environment"].items()}

        owner = urlsplit(given["MIGRATIONS_DATABASE_URL"])
        assert (owner.username, owner.password) == ("app_owner", GIVEN["POSTGRES_OWNER_PASSWORD"])
        assert given["POSTGRES_PASSWORD"] == ""

    def test_database_gets_the_passwords_of_its_roles(self) -> None:
        database = SERVICES["db"]
        script = dict(mounts(database))["./deploy/postgres/roles.sql"]

        wanted = re.findall(r"^.getenv \w+ (\w+)$", ROLES, re.MULTILINE)
        assert script.startswith("/docker-entrypoint-initdb.d/")
        assert set(wanted) < set(database["environment"])
        assert "POSTGRES_USER" not in database["environment"]

    def test_only_the_network_of_nginx_is_trusted(self) -> None:
        (subnet,) = PRODUCTION["networks"]["front"]["ipam"]["config"]

        trusted = resolved(OURS["web"]["environment"]["FORWARDED_ALLOW_IPS"])
        assert trusted == resolved(subnet["subnet"])
        assert "front" in SERVICES["nginx"]["networks"]

    def test_urls_name_services(self) -> None:
        settings = OURS["web"]["environment"]
        hosts = [
            re.findall(r"(?:@|//)(\w+):\d+/", resolved(settings[name]))
            for name in URLS
            if name in settings
        ]

        assert all(set(found) <= set(SERVICES) and found for found in hosts)


class TestNetworks:
    def test_only_nginx_is_reachable_from_outside(self) -> None:
        opened = {name for name, each in SERVICES.items() if published(each)}

        assert opened == {"nginx"}

    def test_databases_have_no_internet_access(self) -> None:
        assert PRODUCTION["networks"]["back"]["internal"]
        assert all(SERVICES[name]["networks"] == ["back"] for name in STORES)

    def test_nginx_finds_the_service(self) -> None:
        address = f"web:{PORT}"

        assert str(PORT) == OURS["web"]["environment"]["PORT"]
        assert address in (ROOT / "deploy/nginx/upstream.conf").read_text(encoding="utf-8")
        assert set(SERVICES["nginx"]["networks"]) & set(SERVICES["web"]["networks"])

    def test_nginx_gets_every_file(self) -> None:
        mounted = dict(mounts(SERVICES["nginx"]))

        for file in (ROOT / "deploy" / "nginx").iterdir():
            assert mounted[f"./deploy/nginx/{file.name}"] == f"/etc/nginx/{file.name}"
        assert f"{mounted['/tls']}/tls.crt" in listen()
        assert f"{mounted['/tls']}/tls.key" in listen()

    def test_file_systems_in_memory_have_sizes(self) -> None:
        mounted = [each for service in SERVICES.values() for each in service.get("tmpfs", ())]

        assert mounted
        assert all(re.fullmatch(r"/[\w/]+:size=\d+m", each) for each in mounted)

    def test_nginx_listens_on_its_published_ports(self) -> None:
        inside = {resolved(port).split(":")[-1] for port in SERVICES["nginx"]["ports"]}
        redirect = (ROOT / "deploy" / "nginx" / "redirect.conf").read_text(encoding="utf-8")

        assert inside == set(re.findall(r"listen (\d+)", listen() + redirect))


class TestLocalStack:
    def test_needs_no_variable(self) -> None:
        variables = VARIABLE.findall(text_of(LOCAL_FILE))

        assert {name for name, _ in variables} == {"PORT"}
        assert all(default for _, default in variables)

    def test_settings_start_the_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = LOCAL_WEB["environment"]
        for name in given.keys() & SETTINGS:
            monkeypatch.setenv(name, resolved(given[name]))

        settings = load_settings(_env_file=None)

        assert given.keys() <= SETTINGS | OF_PYTHON
        assert settings.environment == "development"
        assert service_role(settings) == "app"  # It owns no table.
        assert settings.public_url == "http://localhost:8000"

    def test_serves_and_reloads_the_mounted_code(self) -> None:
        folders = {target for source, target in mounts(LOCAL_WEB) if source.startswith("./")}

        assert LOCAL_WEB["command"] == ["run", "--reload"]
        assert is_command(LOCAL_WEB["command"][:1])
        assert folders == {f"{last_argument('WORKDIR')}/app", f"{last_argument('WORKDIR')}/alembic"}

    def test_is_published_on_this_machine_only(self) -> None:
        ports = [port for each in LOCAL_SERVICES.values() for port in each.get("ports", ())]

        assert [resolved(port) for port in ports] == [f"127.0.0.1:8000:{PORT}"]

    def test_is_not_in_production(self) -> None:
        web = SERVICES["web"]

        assert web["command"] == ["run"]
        assert web["ports"] == []
        assert "development-only" not in json.dumps(PRODUCTION)


class TestComposeFile:
    def test_merged_files_are_valid(self, tmp_path: Path) -> None:
        path = tmp_path / "compose.json"
        path.write_text(json.dumps(PRODUCTION), encoding="utf-8")

        command = [str(Path(sys.executable).with_name("check-jsonschema")), "--quiet"]
        subprocess.run([*command, "--builtin-schema", "vendor.compose-spec", path], check=True)

    @pytest.mark.parametrize("name", sorted({found[0] for found in VARIABLE.findall(TEXT)}))
    def test_variable_is_explained(self, name: str) -> None:
        assert re.search(rf"^(# )?{name}=", EXPLAINED, re.MULTILINE)

    def test_volumes_are_declared_and_used(self) -> None:
        sources = {source for each in SERVICES.values() for source, _ in mounts(each)}

        named = {source for source in sources if not source.startswith((".", "/"))}
        files = {source for source in sources if source.startswith(".")}

        assert named == set(PRODUCTION["volumes"])
        assert all((ROOT / file).exists() for file in files)

    def test_awaited_services_have_health_checks(self) -> None:
        waits = [wait for each in SERVICES.values() for wait in each.get("depends_on", {}).items()]

        healthy = {name for name, wait in waits if wait["condition"] == "service_healthy"}

        assert healthy == {*STORES, "web"}
        assert all("test" in SERVICES[name]["healthcheck"] for name in healthy - {"web"})
        assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")

    def test_images_are_of_a_release(self) -> None:
        tags = [
            each["image"].partition(":")[2] for name, each in SERVICES.items() if name not in OURS
        ]

        assert all(re.fullmatch(r"v?\d[\d.]*", tag) for tag in tags)


def published(service: Node) -> list[str]:
    """Ports that others than this host can reach."""
    ports = [resolved(port) for port in service.get("ports", ())]
    return [port for port in ports if not port.startswith("127.0.0.1:")]


def listen() -> str:
    return (ROOT / "deploy" / "nginx" / "listen.conf").read_text(encoding="utf-8")
