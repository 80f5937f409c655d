"""Bounds on the structure of JSON, counted without parsing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.json_bounds import MAX_DEPTH, check_structure
from app.http.request_errors import NestedTooDeeply, TooManyValues

VALUES = 100


def rejected(document: object) -> type[Exception] | None:
    return rejected_text(json.dumps(document).encode())


def rejected_text(document: bytes) -> type[Exception] | None:
    try:
        check_structure(document, max_values=VALUES)
    except (TooManyValues, NestedTooDeeply) as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "document",
    [
        {f"a{number}": 1 for number in range(VALUES)},
        [1] * VALUES,
        [[]] * (VALUES // 2),
        "," * 10_000,
        {"text": "[{" * 5000},
        {"text": '\\",' * 5000},
        {'"': '\\"\\', "b": ["\\", "]"]},
    ],
)
def test_accepts_values_within_the_bound_with_any_texts(document: object) -> None:
    assert rejected(document) is None


@pytest.mark.parametrize(
    "document",
    [
        {f"a{number}": 1 for number in range(VALUES + 1)},
        [1] * (VALUES + 1),
        [[]] * VALUES,
        [{"a": 1}] * VALUES,
        ["\\"] * (VALUES + 1),
    ],
)
def test_rejects_one_value_too_many(document: object) -> None:
    assert rejected(document) is TooManyValues


@pytest.mark.parametrize("document", [b',"' * 500_000, b"," * 1_000_000, b'"a",' * 1000])
def test_rejects_malformed_documents_without_building_their_parts(document: bytes) -> None:
    with pytest.raises(TooManyValues):
        check_structure(document, max_values=VALUES)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("inner", "error"),
    [
        ("1," * VALUES + "1", TooManyValues),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, NestedTooDeeply),
        ("1", None),
    ],
)
def test_part_of_a_character_is_no_quote(
    encoding: str, inner: str, error: type[Exception] | None
) -> None:
    document = f'{{"\u2200": 0, "a": [{inner}], "\u2200\u2200": 0}}'.encode(encoding)

    assert rejected_text(document) is error


@pytest.mark.parametrize(("levels", "error"), [(MAX_DEPTH, None), (MAX_DEPTH + 1, NestedTooDeeply)])
def test_counts_levels(levels: int, error: type[Exception] | None) -> None:
    document: object = []
    for level in range(levels - 1):
        document = [document] if level % 2 else {"a": document}

    assert rejected(document) is error


JSON = st.recursive(
    st.text() | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=200,
)


@given(JSON)
def test_count_is_that_of_the_parsed_document(document: object) -> None:
    def values(part: object) -> int:
        if isinstance(part, dict):
            return 1 + max(0, len(part) - 1) + sum(map(values, part.values()))
        if isinstance(part, list):
            return 1 + max(0, len(part) - 1) + sum(map(values, part))
        return 0

    found = rejected(document)
    assert found is NestedTooDeeply or (found is TooManyValues) == (values(document) > VALUES)
