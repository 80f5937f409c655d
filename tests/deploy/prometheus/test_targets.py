"""Ports and labels at which Prometheus finds the service, in Compose and on Kubernetes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.compose import PRODUCTION
from tests.deploy.image import PORT
from tests.deploy.kustomize import Resource, containers, find, pods, render
from tests.e2e.service import ROOT
from tests.settings import SETTINGS

SHIPPED = ROOT / "deploy" / "observability" / "prometheus.yml"
OVERLAYS = sorted((ROOT / "deploy" / "kubernetes" / "overlays").iterdir())


@pytest.fixture(params=OVERLAYS, ids=lambda path: str(path.name))
def rendered(request: pytest.FixtureRequest) -> list[Resource]:
    overlay: Path = request.param
    return render(overlay)


def scraped() -> dict[str, int]:
    """Return the ports at which Prometheus asks every container of a service."""
    jobs = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["scrape_configs"]
    found = [target for job in jobs for target in job["dns_sd_configs"]]
    return {target["names"][0]: target["port"] for target in found}


def container(rendered: list[Resource], name: str) -> dict[str, Any]:
    (found,) = (each for each in containers(rendered) if each["name"] == name)
    return found


class TestCompose:
    def test_prometheus_finds_the_services(self) -> None:
        services = PRODUCTION["services"]
        port = int(services["worker"]["environment"]["WORKER_METRICS_PORT"])
        networks = set(services["prometheus"]["networks"])

        assert scraped() == {"web": PORT, "worker": port}
        assert all(networks & set(services[name]["networks"]) for name in scraped())


class TestKubernetes:
    def test_monitor_of_web_asks_the_service(self, rendered: list[Resource]) -> None:
        monitor = find(rendered, "ServiceMonitor", "web")["spec"]
        service = find(rendered, "Service", "web")
        (endpoint,), (port,) = monitor["endpoints"], service["spec"]["ports"]

        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert endpoint["port"] == port["name"]
        assert endpoint["authorization"]["credentials"]["key"] in SETTINGS

    def test_monitor_of_the_worker_asks_its_pods(self, rendered: list[Resource]) -> None:
        monitor = find(rendered, "PodMonitor", "worker")["spec"]
        (endpoint,), (port,) = (
            monitor["podMetricsEndpoints"],
            container(rendered, "worker")["ports"],
        )
        chosen = monitor["selector"]["matchLabels"].items()

        selected = [pod for pod in pods(rendered) if chosen <= pod["metadata"]["labels"].items()]

        assert [pod["spec"]["containers"][0]["name"] for pod in selected] == ["worker"]
        assert endpoint["port"] == port["name"]

    def test_port_of_the_worker_is_open(self, rendered: list[Resource]) -> None:
        worker = container(rendered, "worker")
        (port,), (setting,) = worker["ports"], worker["env"]
        (open_port,) = find(rendered, "NetworkPolicy", "worker")["spec"]["ingress"][0]["ports"]

        assert setting == {"name": "WORKER_METRICS_PORT", "value": str(port["containerPort"])}
        assert setting["name"] in SETTINGS
        assert open_port["port"] == port["containerPort"]
