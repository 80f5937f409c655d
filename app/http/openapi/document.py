"""OpenAPI document: completes the one that FastAPI generates."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.config.settings import Settings
from app.errors import SessionRequired
from app.http.openapi.errors import declared, kinds_by_status, response_name, shared_response
from app.http.openapi.headers import with_headers
from app.http.openapi.schemas import example_of, tidy, without_null
from app.http.problem_types import Kind

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
    """Let `app.openapi()` return the completed document, which is generated once, in any thread.

    Args:
        tags, scopes: names with their descriptions, in the order of the document.
    """
    generate = cache(partial(document, app, {**tags, "system": SYSTEM}, scopes))
    # Generating takes seconds of CPU: of concurrent first requests, the others wait.
    lock = Lock()

    def generate_once() -> Node:
        with lock:
            return generate()

    app.openapi = generate_once  # type: ignore[method-assign]  # FastAPI's advice


def document(app: FastAPI, tags: Mapping[str, str], scopes: Mapping[str, str]) -> Node:
    settings: Settings = app.state.resources[Settings]
    generated = get_openapi(
        title=settings.project_name,
        version=settings.version,
        description=f"{settings.description}\n\n{GUIDE.read_text(encoding='utf-8')}",
        routes=app.routes,
        servers=[{"url": settings.public_url}],
        contact=contact(settings),
        license_info=LICENSE,
    )
    flow = generated["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
    flow["scopes"] = dict(scopes)
    return completed(
        generated, tags, token_url=f"{settings.public_url}{settings.api_v1_str}/auth/token"
    )


def contact(settings: Settings) -> dict[str, str]:
    address = settings.security_contact
    kind = "email" if address.startswith("mailto:") else "url"
    return {"name": "the maintainers", kind: address.removeprefix("mailto:")}


def completed(generated: Node, tags: Mapping[str, str], *, token_url: str) -> Node:
    """Return the document with its tags, security, errors, bounds and examples."""
    components, schemas = generated["components"], generated["components"]["schemas"]
    shared: Node = {}
    used: set[str] = set()
    for methods in generated["paths"].values():
        for method, found in methods.items():
            operation = with_headers(method, found, schemas)
            errors = {str(status): kinds for status, kinds in kinds_by_status(operation).items()}
            methods[method] = completed_operation(operation, errors, components)
            shared |= {response_name(kinds): shared_response(kinds) for kinds in errors.values()}
            used.update(operation["tags"])
    finished = {
        "schemas": {name: schemas[name] for name in schemas if name not in REPLACED},
        "responses": dict(sorted(shared.items())),
        "securitySchemes": security_schemes(components["securitySchemes"], token_url),
    }
    described = [{"name": name, "description": tags[name]} for name in tags if name in used]
    return {**tidy({**generated, "components": finished}), "tags": described}


def completed_operation(operation: Node, errors: dict[str, list[Kind]], components: Node) -> Node:
    references = {
        status: {"$ref": f"#/components/responses/{response_name(kinds)}"}
        for status, kinds in errors.items()
    }
    others = {status: each for status, each in operation["responses"].items() if status < "4"}
    finished = {
        **operation,
        "summary": operation["summary"].capitalize(),
        "security": security_of(operation),
        "responses": others | references,
    }
    if "parameters" in operation:
        finished["parameters"] = [without_null(parameter) for parameter in operation["parameters"]]
    if "requestBody" in operation:
        finished["requestBody"] = with_example(operation["requestBody"], components)
    return finished


def with_example(body: Node, components: Node) -> Node:
    content = {
        media_type: {"example": example_of(media["schema"], components), **media}
        for media_type, media in body["content"].items()
    }
    return {**body, "content": content}


def security_of(operation: Node) -> list[Node]:
    """Return an empty list for a public operation; API keys only where they are accepted."""
    security: list[Node] = operation.get("security", [])
    accepts_api_keys = SessionRequired not in declared(operation)
    return [*security, {"ApiKey": []}] if security and accepts_api_keys else security


def security_schemes(generated: Node, token_url: str) -> Node:
    oauth2 = generated["OAuth2"]
    password = oauth2["flows"]["password"] | {"tokenUrl": token_url, "refreshUrl": token_url}
    return {**generated, "OAuth2": {**oauth2, "flows": {"password": password}}, "ApiKey": API_KEY}


def relocated(document: Node, url: str) -> Node:
    """Return the document for clients that reach the service at the URL."""
    public = document["servers"][0]["url"]
    if url == public:
        return document
    components = document["components"]
    schemes = components["securitySchemes"]
    token_url = schemes["OAuth2"]["flows"]["password"]["tokenUrl"].replace(public, url, 1)
    components = {**components, "securitySchemes": security_schemes(schemes, token_url)}
    return {**document, "servers": [{"url": url}], "components": components}
