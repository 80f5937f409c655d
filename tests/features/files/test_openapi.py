"""OpenAPI of files: bytes in requests and responses."""

import pytest

from tests.openapi import OPERATIONS, Node

BYTES = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


def form(operation: str) -> Node:
    content: Node = OPERATIONS[operation]["requestBody"]["content"]["multipart/form-data"]
    fields: Node = content["schema"]["properties"]
    return fields


def test_upload_is_binary_and_has_no_length() -> None:
    file = form("create_file")["file"]

    assert file.items() >= BYTES.items()
    assert "maxLength" not in file


def test_batch_has_no_minimum() -> None:
    files = form("create_files")["files"]

    assert files["items"].items() >= BYTES.items()
    assert "minItems" not in files


@pytest.mark.parametrize("status", ["200", "206"])
def test_content_is_binary_and_of_any_type(status: str) -> None:
    response = OPERATIONS["read_file_content"]["responses"][status]

    media = {"schema": BYTES}
    assert response["content"] == {"application/octet-stream": media, "*/*": media}
