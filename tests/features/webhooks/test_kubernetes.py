"""Network policies of Kubernetes."""

from pathlib import Path

import pytest

from app.features.webhooks.ssrf_guard import SsrfGuard
from tests.deploy.kustomize import find, render
from tests.deploy.test_kubernetes import OVERLAYS


class TestNetworkPolicy:
    @pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: str(path.name))
    def test_webhooks_may_leave(self, overlay: Path) -> None:
        egress = find(render(overlay), "NetworkPolicy", "reference-api")["spec"]["egress"]

        ports = {port["port"] for rule in egress for port in rule["ports"]}

        assert SsrfGuard(loopback=False).ports <= ports
