"""`app doctor`: each fault is found and has a remedy."""

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.devtools import doctor
from tests.e2e.service import ROOT, app_command, free_port
from tests.settings import set_variables

CERTIFICATE = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
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
        for name in CERTIFICATE:
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
    for name in CERTIFICATE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")

    (finding,) = doctor.certificates()

    assert (finding.check, finding.status) == ("certificates", "warning")
