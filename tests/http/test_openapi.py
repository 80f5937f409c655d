"""The plain OpenAPI document, which serves where no feature completes it."""

import json
import re
from typing import Any

import pytest

from app.config.settings import default_settings
from app.http.openapi import PROBLEM, document
from app.main import create_app

Node = dict[str, Any]


@pytest.fixture(scope="module")
def plain() -> Node:
    return document(create_app(default_settings()))


def test_every_error_is_a_problem(plain: Node) -> None:
    operations = [each for methods in plain["paths"].values() for each in methods.values()]
    errors = [
        response
        for operation in operations
        for status, response in operation["responses"].items()
        if status >= "4"
    ]

    assert len(errors) > len(operations) > 0
    assert all(each == PROBLEM for each in errors)
    assert "Problem" in plain["components"]["schemas"]
    assert "application/problem+json" in plain["components"]["responses"]["Problem"]["content"]


def test_references_lead_somewhere(plain: Node) -> None:
    referenced = set(re.findall(r'"#/components/(\w+)/([\w.-]+)"', json.dumps(plain)))

    assert {each for each in referenced if each[1] not in plain["components"][each[0]]} == set()


def test_operations_have_names_tags_and_described_fields(plain: Node) -> None:
    assert plain["paths"]["/api/v1/items"]["get"]["operationId"] == "list_items"
    assert "system" in [tag["name"] for tag in plain["tags"]]
    assert "description" in plain["components"]["schemas"]["ItemRead"]["properties"]["id"]
