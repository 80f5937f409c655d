"""`app doctor`: each fault is found and has a remedy."""

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
import time_machine

from app.commands.database import POSTGRES_FOLDER
from app.config.settings import Settings
from app.devtools import doctor
from app.devtools.postgres import embedded_postgres
from benchmarks.harness.certificates import write_certificate
from tests.e2e.service import ROOT, app_command, free_port
from tests.settings import set_variables

Found = Callable[..., list[doctor.Finding]]


class Diagnosis:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        done = subprocess.run(
            app_command("doctor", "--json"),
            env=inherited | environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.code = done.returncode
        self.findings = json.loads(done.stdout)

    def failed(self) -> dict[str, str]:
        """The remedies of failed checks."""
        return {
            each["check"]: each["remedy"] for each in self.findings if each["status"] == "failed"
        }


@pytest.fixture
def found(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Found:
    """What the command finds with these variables, in this process."""

    def find(**variables: str) -> list[doctor.Finding]:
        for name in (*doctor.CERTIFICATES, *doctor.PROXIES):
            monkeypatch.delenv(name, raising=False)
        set_variables(monkeypatch, PORT=str(free_port()), **variables)
        return list(doctor.findings())

    return find


def test_sound_installation_has_no_failure(found: Found, database_url: str) -> None:
    findings = found(DATABASE_URL=database_url)

    assert [each for each in findings if each.status == "failed"] == []
    assert {"clock", "database", "disk", "port", "secret"} <= {each.check for each in findings}


def test_database_behind_the_code_names_the_command(found: Found, empty_database: str) -> None:
    (failed,) = (each for each in found(DATABASE_URL=empty_database) if each.status == "failed")

    assert failed.check == "database"
    assert "app db upgrade" in failed.remedy


def test_running_server_of_development_is_examined(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with embedded_postgres(POSTGRES_FOLDER, durable=False):
        (failed,) = (each for each in found() if each.status == "failed")

    assert "app db upgrade" in failed.remedy


def test_unsafe_settings_are_reported(found: Found) -> None:
    findings = found(ENVIRONMENT="production", SECRET_KEY="short")

    details = [each.detail for each in findings if each.status == "failed"]
    assert any(detail.startswith("SECRET_KEY is empty or shorter") for detail in details)


def test_several_faults_are_reported_together(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            "DATABASE_URL": "postgresql://app@127.0.0.1:1/nowhere",
            "PORT": str(taken.getsockname()[1]),
            "SSL_CERT_FILE": str(tmp_path / "absent.pem"),
        }
        diagnosis = Diagnosis(tmp_path, environment)

    assert diagnosis.code == 1
    assert diagnosis.failed().keys() == {"certificates", "database", "port"}
    assert all(diagnosis.failed().values())


def test_empty_secret_is_a_warning() -> None:
    finding = doctor.secret(Settings(_env_file=None))

    assert (finding.status, "openssl rand" in finding.remedy) == ("warning", True)


def test_readable_env_file_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.touch(mode=0o644)

    (finding,) = doctor.permissions()

    assert (finding.status, finding.remedy) == ("warning", "chmod 600 .env")
    file.chmod(0o600)
    assert list(doctor.permissions()) == []


def test_proxy_without_a_certificate_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = certificate_finding(monkeypatch, "HTTPS_PROXY", "http://proxy.example.com:3128")

    assert (finding.status, finding.detail.partition(" ")[0]) == ("warning", "HTTPS_PROXY")


def certificate_finding(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> doctor.Finding:
    """Return the first finding where the environment has this variable alone."""
    for each in (*doctor.CERTIFICATES, *doctor.PROXIES):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    return next(iter(doctor.certificates()))


@pytest.mark.parametrize("name", doctor.CERTIFICATES)
def test_certificate_that_does_not_exist_is_a_failure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = certificate_finding(monkeypatch, name, str(tmp_path / "absent.pem"))

    assert finding.status == "failed"
    assert finding.detail.startswith(f"{name} names")
    assert finding.detail.endswith("which does not exist.")
    assert name in finding.remedy


def test_file_without_a_certificate_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "proxy.pem"
    file.write_text("no certificate", encoding="utf-8")

    finding = certificate_finding(monkeypatch, "SSL_CERT_FILE", str(file))

    assert (finding.status, "in PEM format" in finding.detail) == ("failed", True)


def test_certificate_for_another_program_alone_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path, "proxy.example.com").file
    assert certificate_finding(monkeypatch, "SSL_CERT_FILE", str(certificate)).status == "ok"

    first = certificate_finding(monkeypatch, "PIP_CERT", str(certificate))
    (_, second) = doctor.certificates()

    assert (first.status, second.status) == ("ok", "warning")
    assert second.remedy == f"Set SSL_CERT_FILE={certificate} as well."


def test_expired_certificate_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with time_machine.travel("2199-01-01"):
        finding = certificate_finding(monkeypatch, "SSL_CERT_FILE", certifi.where())

    assert (finding.status, "expired" in finding.detail) == ("failed", True)
