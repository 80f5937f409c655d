"""The part of kustomize that deploy/kubernetes/ uses.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ ; what is not known here
is rejected, so that no file relies on an untested part.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
Apply = Callable[[list[Resource], Any, Path], None]


def render(folder: Path) -> list[Resource]:
    """Every resource of a kustomization, patched.

    Raises:
        KeyError: an unsupported part, or a patch of a missing resource.
    """
    (content,) = load(folder / "kustomization.yaml")
    del content["apiVersion"], content["kind"]
    rendered = [each for name in content.pop("resources") for each in read(folder / name)]
    for part in (known for known in PARTS if known in content):
        PARTS[part](rendered, content.pop(part), folder)
    if content:
        raise KeyError(f"{folder}: {', '.join(content)}")
    return rendered


def load(file: Path) -> list[Resource]:
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def read(path: Path) -> list[Resource]:
    return render(path) if path.is_dir() else load(path)


def settings_of(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def put_in_namespace(rendered: list[Resource], namespace: str, _: Path) -> None:
    for resource in rendered:
        resource["metadata"]["namespace"] = namespace


def add_labels(rendered: list[Resource], labels: list[Resource], _: Path) -> None:
    for label in labels:
        assert label["includeTemplates"]
        for resource in rendered:
            for metadata in (resource["metadata"], *pod_metadata(resource)):
                metadata.setdefault("labels", {}).update(label["pairs"])


def pod_metadata(resource: Resource) -> list[Resource]:
    template = resource.get("spec", {}).get("template")
    return [template["metadata"]] if template else []


def make_config_maps(rendered: list[Resource], maps: list[Resource], folder: Path) -> None:
    for each in maps:
        data: dict[str, str] = {}
        for name in each["envs"]:
            data |= settings_of(folder / name)
        if each.get("behavior") == "merge":
            find(rendered, "ConfigMap", each["name"])["data"].update(data)
        else:
            metadata = {"name": each["name"]}
            kind = {"apiVersion": "v1", "kind": "ConfigMap"}
            rendered.append({**kind, "metadata": metadata, "data": data})


def name_images(rendered: list[Resource], images: list[Resource], _: Path) -> None:
    for image in images:
        found = [each for each in containers(rendered) if each["image"] == image["name"]]
        assert found, f"No container has the image {image['name']}."
        for container in found:
            container["image"] = f"{image['newName']}:{image['newTag']}"


def apply_patches(rendered: list[Resource], patches: list[Resource], _: Path) -> None:
    for patch in patches:
        resource = find(rendered, patch["target"]["kind"], patch["target"]["name"])
        for operation in yaml.safe_load(patch["patch"]):
            assert operation["op"] == "replace"
            replace(resource, operation["path"], operation["value"])


def replace(resource: Any, path: str, value: Any) -> None:
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")[1:]]
    for key in parents:
        resource = resource[key]
    assert resource[last] != value, f"{path} has this value already."
    resource[last] = value


def find(rendered: list[Resource], kind: str, name: str) -> Resource:
    for resource in rendered:
        if (resource["kind"], resource["metadata"]["name"]) == (kind, name):
            return resource
    raise KeyError(f"{kind} {name}")


def containers(rendered: list[Resource]) -> list[Resource]:
    return [each for pod in pods(rendered) for each in pod["spec"]["containers"]]


def pods(rendered: list[Resource]) -> list[Resource]:
    """The templates of Deployments and Jobs."""
    return [each["spec"]["template"] for each in rendered if "template" in each.get("spec", {})]


# In the order in which kustomize does it, whatever that of the file.
PARTS: dict[str, Apply] = {
    "configMapGenerator": make_config_maps,
    "patches": apply_patches,
    "namespace": put_in_namespace,
    "labels": add_labels,
    "images": name_images,
}
