"""Descriptions of fields in OpenAPI: the strings below them, as for `use_attribute_docstrings`.

That setting of Pydantic reads them at import, which takes half a second of each start with Python
before 3.13. Here they are read when the document is generated.
"""

import ast
import inspect
from collections import ChainMap
from contextlib import suppress
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any


def describe_fields(schema: dict[str, Any], model: type) -> None:
    """Add the descriptions to the schema of a model; for its `json_schema_extra`."""
    texts = ChainMap(*map(attribute_docstrings, model.__mro__))
    for name, field in schema.get("properties", {}).items():
        if name in texts:
            field.setdefault("description", texts[name])


@cache
def attribute_docstrings(model: type) -> dict[str, str]:
    """Return the strings below the fields of a class; none if it was created at run time."""
    found: dict[str, str] = {}
    with suppress(OSError, TypeError):
        tree = ast.parse(dedent(inspect.getsource(model)))
        for pair in pairwise(ast.iter_child_nodes(tree.body[0])):
            match pair:
                case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    found[name] = inspect.cleandoc(text)
    return found
