"""OpenAPI of items: amounts of money and exports."""

import pytest

from tests.openapi import OPERATIONS, SCHEMAS


@pytest.mark.parametrize("schema", ["ItemCreate", "ItemUpdate", "ItemRead"])
@pytest.mark.parametrize("field", ["price", "tax"])
def test_amount_of_money_is_a_string(schema: str, field: str) -> None:
    assert SCHEMAS[schema]["properties"][field]["type"] == "string"


@pytest.mark.parametrize("name", ["min_price", "max_price"])
def test_amount_of_money_in_a_url_is_a_string(name: str) -> None:
    (parameter,) = (each for each in OPERATIONS["list_items"]["parameters"] if each["name"] == name)

    assert parameter["schema"]["type"] == "string"


def test_export_has_two_media_types() -> None:
    response = OPERATIONS["export_items"]["responses"]["200"]

    assert response["content"].keys() == {"application/x-ndjson", "text/csv"}
    assert "Content-Disposition" in response["headers"]
