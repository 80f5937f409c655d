"""The OpenAPI document in the repository, which `make check` compares with the code."""

import json
from pathlib import Path
from typing import Any

Node = dict[str, Any]

DOCUMENT: Node = json.loads(
    (Path(__file__).parents[1] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
SCHEMAS: Node = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, Node] = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}
