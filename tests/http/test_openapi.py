"""The OpenAPI document follows the rules of linters and client generators."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from app.config.settings import default_settings
from app.http.openapi.document import below
from app.http.openapi.schemas import example_of, tidy, without_null
from app.main import create_app
from tests.authorization import SESSION_ONLY

Node = dict[str, Any]

DATA = {"const", "default", "enum", "example", "examples"}
KEYWORDS = DATA | {
    "$ref", "additionalProperties", "anyOf", "contentMediaType", "description", "discriminator",
    "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minimum", "oneOf", "pattern",
    "properties", "propertyNames", "required", "title", "type", "uniqueItems", "writeOnly",
}  # fmt: skip
PROBLEM_JSON = "application/problem+json"


@pytest.fixture(scope="module")
def document() -> Node:
    return create_app(default_settings()).openapi()


@pytest.fixture(scope="module")
def operations(document: Node) -> list[Node]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def ids(operations: Iterator[Node]) -> list[str]:
    return [operation["operationId"] for operation in operations]


def is_secured(operation: Node) -> bool:
    return bool(operation["security"])


def parameter_places(operation: Node) -> set[str]:
    return {parameter["in"] for parameter in operation.get("parameters", ())}


def takes_input(operation: Node) -> bool:
    return "requestBody" in operation or bool(parameter_places(operation))


def validate(instance: Any, schema: Node, document: Node) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(instance)


def errors(operation: Node, document: Node) -> Iterator[tuple[str, Node]]:
    for status, answer in operation["responses"].items():
        if status >= "4":
            name = answer["$ref"].removeprefix("#/components/responses/")
            yield status, document["components"]["responses"][name]


def schemas(node: Any, place: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema below, with its place."""
    if is_schema(node):
        yield place, node
    for key, part in parts(node):
        yield from schemas(part, f"{place}/{key}")


def is_schema(node: Any) -> bool:
    is_other = isinstance(node, dict) and bool({"in", "flows"} & node.keys())
    return isinstance(node, dict) and isinstance(node.get("type"), str) and not is_other


def parts(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, list):
        return list(enumerate(node))
    pairs = node.items() if isinstance(node, dict) else ()
    return [(key, part) for key, part in pairs if key not in DATA]


def values(schema: Node) -> list[Node]:
    """The schema and those of its properties."""
    return [schema, *schema.get("properties", {}).values()]


def is_bounded(schema: Node) -> bool:
    match schema["type"]:
        case "string":
            return bool({"maxLength", "enum", "const"} & schema.keys())
        case "integer" | "number":
            bounds = [{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}]
            return "enum" in schema or all(bound & schema.keys() for bound in bounds)
        case "array":
            return "maxItems" in schema
        case _:
            return True


class TestOperations:
    def test_ids_are_unique_and_snake_case(self, operations: list[Node]) -> None:
        found = ids(iter(operations))

        assert len(set(found)) == len(found)
        assert [name for name in found if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name)] == []

    def test_each_has_a_summary_a_description_and_a_described_tag(
        self, operations: list[Node], document: Node
    ) -> None:
        tags = {tag["name"] for tag in document["tags"]}
        for operation in operations:
            assert operation["summary"], operation["operationId"]
            assert operation["description"].endswith("."), operation["operationId"]
            assert set(operation["tags"]) <= tags, operation["operationId"]

    def test_each_operation_documents_its_errors(
        self, operations: list[Node], document: Node
    ) -> None:
        for operation in operations:
            for _, answer in errors(operation, document):
                assert answer["content"].keys() == {PROBLEM_JSON}, operation["operationId"]
            assert "500" in operation["responses"], operation["operationId"]

    def test_each_operation_with_input_documents_422(self, operations: list[Node]) -> None:
        taking = (operation for operation in operations if takes_input(operation))

        assert ids(each for each in taking if "422" not in each["responses"]) == []

    def test_each_operation_on_one_resource_documents_404(self, operations: list[Node]) -> None:
        # The address of a notification needs no account.
        others = (each for each in operations if each["operationId"] != "send_notification")
        about_one = (each for each in others if "path" in parameter_places(each))

        assert ids(each for each in about_one if "404" not in each["responses"]) == []

    def test_each_request_body_has_a_valid_example(
        self, operations: list[Node], document: Node
    ) -> None:
        for operation in operations:
            for media in operation.get("requestBody", {}).get("content", {}).values():
                assert media["example"], operation["operationId"]
                validate(media["example"], media["schema"], document)


class TestSecurity:
    def test_secured_operations_accept_tokens_and_api_keys_where_permitted(
        self, operations: list[Node]
    ) -> None:
        for operation in filter(is_secured, operations):
            schemes = [name for option in operation["security"] for name in option]
            wanted = (
                ["OAuth2"] if operation["operationId"] in SESSION_ONLY else ["OAuth2", "ApiKey"]
            )
            assert schemes == wanted, operation["operationId"]

    def test_secured_operations_declare_401_and_403(self, operations: list[Node]) -> None:
        for operation in filter(is_secured, operations):
            assert {"401", "403"} <= operation["responses"].keys(), operation["operationId"]

    def test_public_operations_are_listed(self, operations: list[Node]) -> None:
        public = [each for each in operations if not is_secured(each)]

        assert {tag for each in public for tag in each["tags"]} == {"auth", "system"}

    def test_token_url_is_an_operation(self, document: Node) -> None:
        flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]

        assert "post" in document["paths"][flow["tokenUrl"]]
        assert flow["refreshUrl"] == flow["tokenUrl"]

    def test_path_prefix_is_part_of_every_address(self, document: Node) -> None:
        prefixed = below("/shop", document)

        schemes = prefixed["components"]["securitySchemes"]
        assert prefixed["servers"] == [{"url": "/shop"}]
        flow = schemes["OAuth2"]["flows"]["password"]
        assert flow["tokenUrl"] == flow["refreshUrl"] == "/shop/api/v1/auth/token"
        assert document["servers"] == [{"url": "/"}]


class TestComponents:
    def test_each_string_number_and_array_is_bounded(self, document: Node) -> None:
        found = [place for place, schema in schemas(document) if not is_bounded(schema)]

        assert found == []

    def test_each_keyword_is_valid_json_schema(self, document: Node) -> None:
        fields = [field for _, schema in schemas(document) for field in values(schema)]

        assert {key for field in fields for key in field} - KEYWORDS == set()

    def test_each_component_is_used(self, document: Node) -> None:
        used = set(re.findall(r"'#/components/(\w+/\w+)'", repr(document)))
        kinds = ("schemas", "responses")
        present = {f"{kind}/{name}" for kind in kinds for name in document["components"][kind]}

        assert used == present

    def test_examples_of_problems_are_valid(self, document: Node) -> None:
        for answer in document["components"]["responses"].values():
            media = answer["content"][PROBLEM_JSON]
            assert media["examples"], answer["description"]
            for code, example in media["examples"].items():
                assert example["value"]["code"] == code
                validate(example["value"], media["schema"], document)

    def test_errors_are_grouped_by_status(self, operations: list[Node], document: Node) -> None:
        for operation in operations:
            for status, answer in errors(operation, document):
                examples = answer["content"][PROBLEM_JSON]["examples"].values()
                assert {str(example["value"]["status"]) for example in examples} == {status}


class TestSchemas:
    def test_decimal_keeps_its_bounds_as_a_number_and_has_a_pattern_as_text(self) -> None:
        field = {"anyOf": [{"type": "number"}, {"type": "string"}], "gt": 0, "le": "10000"}

        tidied = tidy({**field, "decimal_places": 2})
        number, text = tidied["anyOf"]

        assert tidied.keys() == {"anyOf"}
        assert number == {"type": "number", "exclusiveMinimum": 0, "maximum": 10000}
        assert re.fullmatch(text["pattern"], "999.99")

    def test_title_of_a_field_is_removed_and_that_of_a_model_stays(self) -> None:
        model = {"type": "object", "title": "Item", "properties": {"n": {"type": "boolean"}}}

        assert tidy({"type": "boolean", "title": "Is Active"}) == {"type": "boolean"}
        assert tidy(model) == model

    def test_keyword_of_a_newer_openapi_is_removed(self) -> None:
        assert tidy({"text/event-stream": {"itemSchema": {}}}) == {"text/event-stream": {}}

    def test_data_is_unchanged(self) -> None:
        node = {"example": {"type": "string", "title": "Not a schema"}}

        assert tidy(node) == node

    def test_optional_parameter_cannot_be_null(self) -> None:
        parameter = {"schema": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 1}}

        assert without_null(parameter) == {"schema": {"type": "integer", "default": 1}}

    def test_example_is_built_from_the_fields(self) -> None:
        fields = {"id": {"type": "string", "format": "uuid"}, "note": {"type": "string"}}
        components = {"schemas": {"Thing": {"properties": fields}}}

        example = example_of({"$ref": "#/components/schemas/Thing"}, components)

        assert example.keys() == {"id"}


async def test_concurrent_first_requests_generate_the_document_once() -> None:
    app = create_app(default_settings())

    documents = await asyncio.gather(*(asyncio.to_thread(app.openapi) for _ in range(4)))

    assert all(document is documents[0] for document in documents)
