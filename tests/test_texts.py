"""Rules for texts: no field and no parameter of a request is a bare `str`."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, SecretStr

from app.config.settings import load_settings
from app.features.users.texts import EMAIL, PASSWORD, STORABLE_SECRET
from app.http.schemas import LINE, OPAQUE, PARAGRAPH, TEXT, RequestModel
from app.main import create_app

RULES = (EMAIL, LINE, OPAQUE, PARAGRAPH, PASSWORD, STORABLE_SECRET, TEXT)
# Anchored and of ASCII alone, a pattern is a rule itself.
ASCII_PATTERN = re.compile(r"\^[ -\[\]-~]*\$")


def is_ruled(metadata: tuple[Any, ...]) -> bool:
    return any(each is rule for each in metadata for rule in RULES) or any(
        ASCII_PATTERN.fullmatch(pattern_of(each)) for each in metadata
    )


def pattern_of(rule: Any) -> str:
    inner = [getattr(each, "pattern", None) for each in getattr(rule, "metadata", ())]
    return next((each for each in [getattr(rule, "pattern", None), *inner] if each), "")


def bare_texts(name: str, annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[str]:
    """Name each text in a type, however deep, that has no rule."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from bare_texts(name, inner, (*more, *metadata))
    elif annotation in {str, SecretStr}:
        if not is_ruled(metadata):
            yield name
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from bare_fields(annotation)
    else:
        parts = get_args(annotation)
        for part in parts[1:] if get_origin(annotation) is dict else parts:
            # Pydantic and FastAPI move the rules of a part that stands alone to the field.
            yield from bare_texts(name, part, metadata)


def bare_fields(schema: type[BaseModel]) -> Iterator[str]:
    for field, info in schema.model_fields.items():
        yield from bare_texts(f"{schema.__name__}.{field}", info.annotation, tuple(info.metadata))


def schemas(parent: type[BaseModel] = RequestModel) -> Iterator[type[BaseModel]]:
    for child in parent.__subclasses__():
        if child.__module__.startswith("app."):
            yield child
            yield from schemas(child)


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from dependants(each)


def parameters() -> Iterator[tuple[str, Any]]:
    app = create_app(
        load_settings(_env_file=None, environment="test", database_url="postgresql://x/x")
    )
    for context in iter_route_contexts(app.routes):
        root = getattr(context, "dependant", None) or getattr(
            context.original_route, "dependant", None
        )
        name = getattr(context.original_route, "name", "")
        for each in dependants(root) if root else ():
            for kind in ("path", "query", "header", "cookie", "body"):
                for field in getattr(each, f"{kind}_params"):
                    yield f"{name}: {field.alias}", field.field_info


PARAMETERS = dict(parameters())
# An unusable cookie is ignored and not rejected; `query_of_cookie` checks it as it does `q`.
IGNORED_WHEN_UNUSABLE = ("last_query",)
SCHEMAS = sorted(schemas(), key=str)


def test_parameters_and_schemas_are_found() -> None:
    found = {name.partition(": ")[2] for name in PARAMETERS}

    assert {"q", "cursor", "last_query", "token"} <= found
    assert {"ItemCreate", "ProfileUpdate"} <= {schema.__name__ for schema in SCHEMAS}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_every_text_of_a_request_body_has_a_rule(schema: type[BaseModel]) -> None:
    assert list(bare_fields(schema)) == []


@pytest.mark.parametrize(
    "name", sorted(name for name in PARAMETERS if not name.endswith(IGNORED_WHEN_UNUSABLE))
)
def test_every_text_of_a_parameter_has_a_rule(name: str) -> None:
    info = PARAMETERS[name]

    assert list(bare_texts(name, info.annotation, tuple(info.metadata))) == []


def test_bare_text_is_noticed() -> None:
    class Careless(BaseModel):
        name: str
        parts: list[str] | None = None

    assert list(bare_fields(Careless)) == ["Careless.name", "Careless.parts"]
