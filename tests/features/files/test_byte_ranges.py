"""Validators of byte ranges: `If-Range`."""

import pytest

from app.features.files.byte_ranges import is_range_applicable
from tests.http.test_preconditions import CURRENT, DATES


@pytest.mark.parametrize("value", ['"7"', DATES["same"], "Sunday, 29-Nov-26 12:00:00 GMT"])
def test_range_of_these_bytes_is_applicable(value: str) -> None:
    assert is_range_applicable([(b"if-range", value.encode())], CURRENT)


@pytest.mark.parametrize(
    "value", ['W/"7"', '"6"', '"7-gzip"', DATES["before"], DATES["after"], "soon", "*", '"7", "7"']
)
def test_range_of_other_bytes_is_not_applicable(value: str) -> None:
    assert not is_range_applicable([(b"if-range", value.encode())], CURRENT)
