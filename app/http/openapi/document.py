"""OpenAPI document: completes the one that FastAPI generates."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.config.settings import Settings
from app.errors import SessionRequired
from app.http.openapi.errors import declared, error_references, is_error, shared_responses
from app.http.openapi.headers import with_headers
from app.http.openapi.schemas import example_of, tidy, without_null

Node = dict[str, Any]

SYSTEM = "The service itself: whether it is alive and ready, and which version runs."
GUIDE = Path(__file__).parents[1] / "pages" / "guide.md"
LICENSE = {"name": "MIT", "identifier": "MIT"}
API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "For programs: a key with scopes of its own.",
}
# FastAPI's schemas of errors; the service uses Problem for all errors.
REPLACED = frozenset({"HTTPValidationError", "ValidationError"})


def operation_id(route: APIRoute) -> str:
    """Return the name of the endpoint, which is unique and readable in generated clients."""
    return route.name


def describe(app: FastAPI, tags: Mapping[str, str], scopes: Mapping[str, str]) -> None:
    """Let `app.openapi()` return the completed document, which is generated once.

    Args:
        tags, scopes: names with their descriptions, in the order of the document.
    """
    app.openapi = cache(partial(document, app, {**tags, "system": SYSTEM}, scopes))  # type: ignore[method-assign]  # FastAPI's advice


def document(app: FastAPI, tags: Mapping[str, str], scopes: Mapping[str, str]) -> Node:
    settings: Settings = app.state.resources[Settings]
    generated = get_openapi(
        title=settings.project_name,
        version=settings.version,
        description=f"{settings.description}\n\n{GUIDE.read_text(encoding='utf-8')}",
        routes=app.routes,
        servers=[{"url": "/"}],
        contact=contact(settings),
        license_info=LICENSE,
    )
    flow = generated["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
    flow["scopes"] = dict(scopes)
    return completed(generated, tags, token_url=f"{settings.api_v1_str}/auth/token")


def contact(settings: Settings) -> dict[str, str]:
    address = settings.security_contact
    kind = "email" if address.startswith("mailto:") else "url"
    return {"name": "the maintainers", kind: address.removeprefix("mailto:")}


def completed(generated: Node, tags: Mapping[str, str], *, token_url: str) -> Node:
    """Return the document with its tags, security, errors, bounds and examples."""
    components = generated["components"]
    found = {
        (path, method): with_headers(method, operation, components["schemas"])
        for path, methods in generated["paths"].items()
        for method, operation in methods.items()
    }
    operations = list(found.values())
    paths: Node = {}
    for (path, method), operation in found.items():
        paths.setdefault(path, {})[method] = completed_operation(operation, components)
    finished = {
        "schemas": without_replaced(components["schemas"]),
        "responses": shared_responses(operations),
        "securitySchemes": security_schemes(components["securitySchemes"], token_url),
    }
    complete: Node = tidy({**generated, "paths": paths, "components": finished})
    return {**complete, "tags": described_tags(operations, tags)}


def completed_operation(operation: Node, components: Node) -> Node:
    responses = operation["responses"]
    finished = {
        **operation,
        "summary": operation["summary"].capitalize(),
        "security": security_of(operation),
        "responses": {status: responses[status] for status in responses if not is_error(status)}
        | error_references(operation),
    }
    if "parameters" in operation:
        finished["parameters"] = [without_null(parameter) for parameter in operation["parameters"]]
    if "requestBody" in operation:
        finished["requestBody"] = with_example(operation["requestBody"], components)
    return finished


def security_of(operation: Node) -> list[Node]:
    """Return an empty list for a public operation; API keys only where they are accepted."""
    security: list[Node] = operation.get("security", [])
    accepts_api_keys = SessionRequired not in declared(operation)
    return [*security, {"ApiKey": []}] if security and accepts_api_keys else security


def with_example(body: Node, components: Node) -> Node:
    content = {
        media_type: {"example": example_of(media["schema"], components), **media}
        for media_type, media in body["content"].items()
    }
    return {**body, "content": content}


def without_replaced(schemas: Node) -> Node:
    return {name: schema for name, schema in schemas.items() if name not in REPLACED}


def security_schemes(generated: Node, token_url: str) -> Node:
    oauth2 = generated["OAuth2"]
    password = oauth2["flows"]["password"] | {"tokenUrl": token_url, "refreshUrl": token_url}
    return {**generated, "OAuth2": {**oauth2, "flows": {"password": password}}, "ApiKey": API_KEY}


def described_tags(operations: list[Node], tags: Mapping[str, str]) -> list[Node]:
    used = {tag for operation in operations for tag in operation["tags"]}
    return [{"name": name, "description": text} for name, text in tags.items() if name in used]


def below(root_path: str, document: Node) -> Node:
    """Return the document for clients that reach the service under a path prefix."""
    if not root_path:
        return document
    components = document["components"]
    schemes = components["securitySchemes"]
    token_url = root_path + schemes["OAuth2"]["flows"]["password"]["tokenUrl"]
    components = {**components, "securitySchemes": security_schemes(schemes, token_url)}
    return {**document, "servers": [{"url": root_path}], "components": components}
