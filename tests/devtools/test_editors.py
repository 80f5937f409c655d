"""Configuration of editors: it names modules, images and targets that exist."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_launched_modules_exist() -> None:
    launched = json.loads(read(".vscode/launch.json"))["configurations"]

    assert all(find_spec(each["module"]) for each in launched)


def test_container_is_that_of_the_image() -> None:
    container = json.loads(read(".devcontainer/devcontainer.json"))

    assert re.findall(r"^ARG BASE=(.+)$", read("Dockerfile"), re.MULTILINE) == [container["image"]]
    assert container["postCreateCommand"] == "make .venv/.ready"
