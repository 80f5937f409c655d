"""OpenAPI document: completes the one that FastAPI generates."""

import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from threading import Lock

from fastapi import FastAPI

from app.config.settings import Settings
from app.errors import SessionRequired
from app.feature import Features
from app.features.openapi_details.errors import (
    declared,
    kinds_by_status,
    response_name,
    shared_response,
)
from app.features.openapi_details.headers import SENT, with_headers
from app.features.openapi_details.problem_types import Kind
from app.features.openapi_details.schemas import example_of, tidy, without_null
from app.http.openapi import Node
from app.resources import Resources

GUIDE = Path(__file__).with_name("guide.md")
API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "For programs: a key with scopes of its own.",
}
# FastAPI's schemas of errors; the service uses Problem for all errors.
REPLACED = frozenset({"HTTPValidationError", "ValidationError"})


def describe(app: FastAPI) -> None:
    """Let `app.openapi()` return the completed document, which is generated once, in any thread."""
    resources: Resources = app.state.resources
    settings = resources[Settings]
    app.description = f"{app.description}\n\n{GUIDE.read_text(encoding='utf-8')}"
    address = settings.security_contact
    kind = "email" if address.startswith("mailto:") else "url"
    app.contact = {"name": "the maintainers", kind: address.removeprefix("mailto:")}
    app.license_info = {"name": "MIT", "identifier": "MIT"}
    generate = cache(partial(document, app, resources[Features].permissions.descriptions))
    # Generating takes seconds of CPU: of concurrent first requests, the others wait.
    lock = Lock()

    def generate_once() -> Node:
        with lock:
            return generate()

    app.openapi = generate_once  # type: ignore[method-assign]  # FastAPI's advice


def document(app: FastAPI, scopes: Mapping[str, str]) -> Node:
    settings: Settings = app.state.resources[Settings]
    generated = FastAPI.openapi(app)
    token_url = f"{settings.public_url}{settings.api_v1_str}/auth/token"
    flow = generated["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
    flow.update(tokenUrl=token_url, refreshUrl=token_url, scopes=dict(scopes))
    return completed(generated)


def completed(generated: Node) -> Node:
    """Return the document with its tags, security, errors, bounds and examples."""
    components, schemas = generated["components"], generated["components"]["schemas"]
    shared: Node = {}
    used: set[str] = set()
    for methods in generated["paths"].values():
        for method, found in methods.items():
            operation = with_headers(method, found, schemas)
            errors = kinds_by_status(operation)
            methods[method] = completed_operation(operation, errors, components)
            shared |= {response_name(kinds): shared_response(kinds) for kinds in errors.values()}
            used.update(operation["tags"])
    for methods in generated.get("webhooks", {}).values():
        methods["post"] = completed_operation(methods["post"], {}, components)
    finished = {
        "schemas": {name: schemas[name] for name in schemas if name not in REPLACED},
        "responses": dict(sorted(shared.items())),
        "headers": SENT,
        "securitySchemes": {**components["securitySchemes"], "ApiKey": API_KEY},
    }
    tags = [tag for tag in generated["tags"] if tag["name"] in used]
    return {**tidy({**generated, "components": finished}), "tags": tags}


def completed_operation(operation: Node, errors: dict[str, list[Kind]], components: Node) -> Node:
    references = {
        status: {"$ref": f"#/components/responses/{response_name(kinds)}"}
        for status, kinds in errors.items()
    }
    others = {status: each for status, each in operation["responses"].items() if status < "4"}
    finished = {
        **operation,
        "summary": summary(operation["description"]),
        "security": security_of(operation),
        "parameters": [without_null(parameter) for parameter in operation["parameters"]],
        "responses": others | references,
    }
    if "requestBody" in operation:
        finished["requestBody"] = with_example(operation["requestBody"], components)
    return finished


def summary(description: str) -> str:
    """Return the first sentence of a description up to its details, without the full stop."""
    return re.split(r"[;:]|\.$", description.partition("\n")[0])[0]


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
