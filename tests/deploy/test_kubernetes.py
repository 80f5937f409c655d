"""deploy/kubernetes/ as kustomize renders it, against the application and the image."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.commands.serve import GRACEFUL_SHUTDOWN_SECONDS
from app.config.settings import load_settings
from tests.deploy.image import GROUP, PORT, USER, VOLUME, is_command
from tests.deploy.kustomize import Resource, containers, find, load, pods, render
from tests.e2e.service import ROOT
from tests.settings import SETTINGS

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted((FOLDER / "overlays").iterdir())
# What docs/deployment.md says to put into the Secret.
SECRET = {
    "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
    "DATABASE_URL": "postgresql://app@db/app",
}
# The Secret that the Job alone gets.
OWNER = {"MIGRATIONS_DATABASE_URL": "postgresql://app_owner@db/app"}


# Their kinds have no published schema here.
OF_OPERATORS = {"monitoring.coreos.com/v1"}
KUBECTL = shutil.which("kubectl")


@pytest.fixture(params=OVERLAYS, ids=lambda path: str(path.name))
def rendered(request: pytest.FixtureRequest) -> list[Resource]:
    return render(request.param)


class TestFiles:
    def test_every_file_of_the_base_is_a_resource(self) -> None:
        base = FOLDER / "base"

        (kustomization,) = load(base / "kustomization.yaml")

        files = {file.name for file in base.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) == files

    def test_kubernetes_knows_every_field(self, rendered: list[Resource]) -> None:
        for resource in rendered:
            if resource["apiVersion"] not in OF_OPERATORS:
                kubernetes_validate.validate(resource, "1.37", strict=True)

    @pytest.mark.skipif(KUBECTL is None, reason="kubectl brings the real kustomize along.")
    @pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: str(path.name))
    def test_kustomize_renders_the_same(self, overlay: Path) -> None:
        done = subprocess.run(
            [str(KUBECTL), "kustomize", str(overlay)], capture_output=True, text=True, check=True
        )
        real = list(yaml.safe_load_all(done.stdout))
        (name,) = (each["metadata"]["name"] for each in real if each["kind"] == "ConfigMap")

        # The name that it makes of the content stands wherever pods ask for it.
        assert re.fullmatch(r"reference-api-\w{10}", name)
        assert by_name(json.loads(json.dumps(real).replace(name, "reference-api"))) == by_name(
            render(overlay)
        )

    def test_patch_of_a_missing_path_is_rejected(self, tmp_path: Path) -> None:
        patch = "resources: [r.yaml]\npatches: [{target: {kind: A, name: b}, patch: '[]'}]"
        (tmp_path / "kustomization.yaml").write_text(f"apiVersion: x\nkind: x\n{patch}")
        (tmp_path / "r.yaml").write_text("kind: A\nmetadata: {name: a}")

        with pytest.raises(KeyError):
            render(tmp_path)


class TestPods:
    def test_security_context_matches_the_image(self, rendered: list[Resource]) -> None:
        for pod in pods(rendered):
            context = pod["spec"]["securityContext"]
            assert (context["runAsUser"], context["runAsGroup"]) == (USER, GROUP)

    def test_containers_have_no_privileges(self, rendered: list[Resource]) -> None:
        for container in containers(rendered):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}

    def test_mounts_have_volumes(self, rendered: list[Resource]) -> None:
        for pod in pods(rendered):
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            (container,) = pod["spec"]["containers"]
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert VOLUME in {mount["mountPath"] for mount in container["volumeMounts"]}

    def test_arguments_are_commands(self, rendered: list[Resource]) -> None:
        given = [each["args"] for each in containers(rendered) if "args" in each]

        assert given
        assert all(is_command(arguments) for arguments in given)

    def test_settings_exist_in_the_service(
        self, rendered: list[Resource], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = find(rendered, "ConfigMap", "reference-api")["data"]
        for name, value in {**given, **SECRET, **OWNER}.items():
            monkeypatch.setenv(name, value)

        settings = load_settings(_env_file=None)

        assert set(given) | set(SECRET) | set(OWNER) <= SETTINGS
        assert settings.environment == "production"
        assert settings.forwarded_allow_ips

    def test_settings_reach_every_container(self, rendered: list[Resource]) -> None:
        name, owner = {"name": "reference-api"}, {"name": "reference-api-migrations"}
        given = [{"configMapRef": name}, {"secretRef": name}]

        found = {container["name"]: container["envFrom"] for container in containers(rendered)}

        assert found == {
            "web": given,
            "worker": given,
            "migrate": [*given, {"secretRef": owner}],
        }


class TestWeb:
    def test_probes_use_existing_routes(self, rendered: list[Resource]) -> None:
        paths = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
        container = web(rendered)

        probes = [value["httpGet"] for name, value in container.items() if name.endswith("Probe")]

        assert len(probes) == 3
        assert {probe["path"] for probe in probes} <= set(paths)
        assert {probe["port"] for probe in probes} == {"http"}

    def test_grace_period_leaves_time_for_streams(self, rendered: list[Resource]) -> None:
        pod = find(rendered, "Deployment", "web")["spec"]["template"]["spec"]

        paused = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

        assert pod["terminationGracePeriodSeconds"] > paused + GRACEFUL_SHUTDOWN_SECONDS

    def test_service_ports_lead_to_the_container(self, rendered: list[Resource]) -> None:
        (port,) = web(rendered)["ports"]
        (service,) = find(rendered, "Service", "web")["spec"]["ports"]
        (rule,) = find(rendered, "Ingress", "web")["spec"]["rules"]
        (open_port,) = find(rendered, "NetworkPolicy", "web")["spec"]["ingress"][0]["ports"]

        assert port["containerPort"] == open_port["port"] == PORT
        assert service["targetPort"] == port["name"]
        backend = rule["http"]["paths"][0]["backend"]["service"]
        assert backend == {"name": "web", "port": {"name": service["name"]}}

    def test_ingresses_bound_bodies_as_nginx_does(self, rendered: list[Resource]) -> None:
        shipped = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
        limits = re.findall(r"client_max_body_size (\w+);", shipped)

        ingresses = [each for each in rendered if each["kind"] == "Ingress"]
        annotations = [each["metadata"]["annotations"] for each in ingresses]
        prefix = "nginx.ingress.kubernetes.io"

        assert sorted(each[f"{prefix}/proxy-body-size"] for each in annotations) == sorted(limits)
        assert len({each["spec"]["rules"][0]["host"] for each in ingresses}) == 1
        unbuffered = [f"{prefix}/proxy-request-buffering" in each for each in annotations]
        assert unbuffered.count(True) == shipped.count("proxy_request_buffering off;")

    def test_tls_is_for_its_host(self, rendered: list[Resource]) -> None:
        ingress = find(rendered, "Ingress", "web")["spec"]
        settings = find(rendered, "ConfigMap", "reference-api")["data"]

        hosts = [rule["host"] for rule in ingress["rules"]]

        assert hosts == ingress["tls"][0]["hosts"]
        assert settings["PUBLIC_URL"] == f"https://{hosts[0]}"


class TestSelectors:
    @pytest.mark.parametrize(
        ("kind", "name", "path"),
        [
            ("Deployment", "web", ("selector", "matchLabels")),
            ("Deployment", "worker", ("selector", "matchLabels")),
            ("Service", "web", ("selector",)),
            ("PodDisruptionBudget", "web", ("selector", "matchLabels")),
            ("NetworkPolicy", "web", ("podSelector", "matchLabels")),
            ("NetworkPolicy", "worker", ("podSelector", "matchLabels")),
        ],
    )
    def test_selector_matches_the_pods_of_its_name(
        self, rendered: list[Resource], kind: str, name: str, path: tuple[str, ...]
    ) -> None:
        selector: Any = find(rendered, kind, name)["spec"]
        for key in path:
            selector = selector[key]

        selected = [pod for pod in pods(rendered) if selector.items() <= labels(pod).items()]

        assert [labels(pod)["app.kubernetes.io/name"] for pod in selected] == [name]

    def test_network_policy_applies_to_all_pods(self, rendered: list[Resource]) -> None:
        policy = find(rendered, "NetworkPolicy", "reference-api")["spec"]

        chosen = policy["podSelector"]["matchLabels"].items()

        assert all(chosen <= labels(pod).items() for pod in pods(rendered))

    def test_autoscaler_scales_only_web(self, rendered: list[Resource]) -> None:
        scaled = find(rendered, "HorizontalPodAutoscaler", "web")["spec"]["scaleTargetRef"]

        deployment = find(rendered, scaled["kind"], scaled["name"])

        assert "replicas" not in deployment["spec"]


def web(rendered: list[Resource]) -> Resource:
    (container,) = find(rendered, "Deployment", "web")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def labels(pod: Resource) -> dict[str, str]:
    return dict(pod["metadata"]["labels"])


def by_name(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    return {(each["kind"], each["metadata"]["name"]): each for each in resources}
