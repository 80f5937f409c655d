"""Names of new projects: what is rejected, with its remedy, and what follows from a name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config.settings import ConfigError
from app.devtools.new.project.specification import (
    MAX_NAME,
    Project,
    mistakes,
    read_record,
    title_of,
    write_record,
)
from app.devtools.removal.record import RECORD, record_removal

ROOT = Path(__file__).parents[4]
PROJECT = Project("orders-api", "Orders API", "A REST API service.", without=("rooms",))


@pytest.mark.parametrize("name", ["shop", "orders-api", "b2b-orders-2", "x" * MAX_NAME])
def test_name_is_accepted(name: str) -> None:
    assert list(mistakes(ROOT, replace(PROJECT, name=name))) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Orders API", "Orders API is no name of a project: .* such as orders-api."),
        ("orders_api", "such as orders-api"),
        ("-orders", "such as orders"),
        ("x", "2 to 40"),
        ("x" * (MAX_NAME + 1), "2 to 40"),
        ("2nd", "such as orders-api"),
        ("app", "the name of a package"),
        ("fastapi", "the name of a package"),
        ("nobody", "is a word that the texts of the project avoid"),
    ],
)
def test_unusable_name_is_rejected_with_a_remedy(name: str, sentence: str) -> None:
    (mistake, *_) = mistakes(ROOT, replace(PROJECT, name=name))

    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(mistake)


@pytest.mark.parametrize(
    "given", [{"title": 'Say "hello"'}, {"description": "No full stop"}, {"kept_parts": ("docs",)}]
)
def test_other_unusable_values_are_rejected(given: dict[str, Any]) -> None:
    assert len(list(mistakes(ROOT, replace(PROJECT, **given)))) == 1


@pytest.mark.parametrize(("name", "title"), [("orders-api", "Orders API"), ("shop", "Shop")])
def test_title_follows_from_the_name(name: str, title: str) -> None:
    assert title_of(name) == title


def test_record_holds_the_project_and_later_removals(tmp_path: Path) -> None:
    write_record(tmp_path, PROJECT, "0123abcd")

    assert read_record(tmp_path) == PROJECT
    assert record_removal(tmp_path, ["files"]) == [RECORD]
    assert read_record(tmp_path).without == ("files", "rooms")


def test_folder_without_a_record_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no \.reference\.json"):
        read_record(tmp_path)
    assert record_removal(tmp_path, ["files"]) == []
