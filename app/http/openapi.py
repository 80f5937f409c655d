"""OpenAPI: what endpoints declare beyond FastAPI's own arguments, and the plain document."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI

from app.config.settings import Settings
from app.http.problem_details import MEDIA_TYPE

Node = dict[str, Any]

# Key under which a response lists the names of its headers; a feature describes them.
HEADERS = "x-headers"
PROBLEM: Node = {"$ref": "#/components/responses/Problem"}


def sent(*names: str) -> Node:
    """Declare the headers that a response of an endpoint has."""
    return {HEADERS: list(names)}


VALIDATORS = ("ETag", "Last-Modified")
COPY_IS_CURRENT: Node = {"description": "Your copy is current."}
# For a read that sends an ETag and whose response has no version.
CACHED: dict[int | str, Node] = {200: sent("ETag"), 304: COPY_IS_CURRENT | sent("ETag")}


def info(settings: Settings, tags: Mapping[str, str]) -> Node:
    """Return the arguments of FastAPI for `info`, `servers` and `tags` of the document."""
    return {
        "title": settings.project_name,
        "version": settings.version,
        "description": settings.description,
        "servers": [{"url": settings.public_url}],
        "openapi_tags": [{"name": name, "description": tags[name]} for name in tags],
    }


def describe(app: FastAPI) -> None:
    """Let `app.openapi()` return a document in which every error is a problem."""
    app.openapi = partial(document, app)  # type: ignore[method-assign]  # FastAPI's advice


def document(app: FastAPI) -> Node:
    generated = FastAPI.openapi(app)
    components = generated["components"]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    problem = {"description": "An error.", "content": content}
    paths = {
        path: {method: with_problems(each) for method, each in methods.items()}
        for path, methods in generated["paths"].items()
    }
    components = {**components, "responses": {"Problem": problem}}
    return {**generated, "paths": paths, "components": components}


def with_problems(operation: Node) -> Node:
    """Return the operation with the problem as the response to all errors."""
    responses = operation["responses"].items()
    others = {status: each if status < "4" else PROBLEM for status, each in responses}
    return {**operation, "responses": {**others, "default": PROBLEM}}
