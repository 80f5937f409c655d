"""The OpenAPI document follows the rules of linters and client generators."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import Field, create_model

from app.config.settings import default_settings
from app.features.openapi_details.schemas import example_of, tidy, without_null
from app.http.schemas import ResponseModel
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


def form_fields(operation: Node) -> Iterator[Node]:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield from media["schema"].get("properties", {}).values()


def validate(instance: Any, schema: Node, document: Node) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(instance)


def errors(operation: Node, document: Node) -> Iterator[tuple[str, Node]]:
    for status, response in operation["responses"].items():
        if status >= "4":
            name = response["$ref"].removeprefix("#/components/responses/")
            yield status, document["components"]["responses"][name]


def schemas(node: Any, place: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema below, with its place."""
    if is_schema(node):
        yield place, node
    for key, part in parts(node):
        yield from schemas(part, f"{place}/{key}")


def is_schema(node: Any) -> bool:
    is_other = isinstance(node, dict) and bool({"in", "flows"} & node.keys())
    return isinstance(node, dict) and isinstance(node.get("type"), str | list) and not is_other


def parts(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, list):
        return list(enumerate(node))
    pairs = node.items() if isinstance(node, dict) else ()
    return [(key, part) for key, part in pairs if key not in DATA]


def values(schema: Node) -> list[Node]:
    """The schema and those of its properties."""
    return [schema, *schema.get("properties", {}).values()]


def plain_type(schema: Node) -> str:
    """The type, `string` for `[string, "null"]`."""
    kind = schema["type"]
    return str(kind[0] if isinstance(kind, list) else kind)


def is_bounded(schema: Node) -> bool:
    match plain_type(schema):
        case "string":
            # The bound of a file is a setting.
            return bool({"maxLength", "enum", "const", "contentMediaType"} & schema.keys())
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
            assert operation["description"].endswith("."), operation["operationId"]
            assert set(operation["tags"]) <= tags, operation["operationId"]

    def test_each_summary_is_a_sentence_and_not_the_name_of_a_function(
        self, operations: list[Node]
    ) -> None:
        for operation in operations:
            summary, words = operation["summary"], operation["operationId"].split("_")
            assert re.fullmatch(r"[A-Z][a-z]+ .*[^.:;\s]", summary), operation["operationId"]
            assert operation["description"].startswith(summary), operation["operationId"]
            assert summary.lower().split() != words, operation["operationId"]

    def test_each_parameter_and_form_field_has_a_description(self, operations: list[Node]) -> None:
        for operation in operations:
            fields = [*operation.get("parameters", ()), *form_fields(operation)]
            assert all(field.get("description") for field in fields), operation["operationId"]

    def test_each_operation_documents_its_errors(
        self, operations: list[Node], document: Node
    ) -> None:
        for operation in operations:
            for _, response in errors(operation, document):
                assert response["content"].keys() == {PROBLEM_JSON}, operation["operationId"]
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

    def test_each_example_of_a_response_is_valid(
        self, operations: list[Node], document: Node
    ) -> None:
        for operation in operations:
            for status, response in operation["responses"].items():
                for media in response.get("content", {}).values() if status < "4" else ():
                    if "example" in media:
                        validate(media["example"], media["schema"], document)


class TestSecurity:
    def test_secured_operations_accept_tokens_and_api_keys_where_permitted(
        self, operations: list[Node]
    ) -> None:
        for operation in filter(is_secured, operations):
            schemes = {name for option in operation["security"] for name in option}
            keys = set() if operation["operationId"] in SESSION_ONLY else {"ApiKey"}
            # A ticket is one more way into a stream.
            assert schemes - {"Ticket"} == {"OAuth2", *keys}, operation["operationId"]

    def test_secured_operations_declare_401_and_403(self, operations: list[Node]) -> None:
        for operation in filter(is_secured, operations):
            assert {"401", "403"} <= operation["responses"].keys(), operation["operationId"]

    def test_public_operations_are_listed(self, operations: list[Node]) -> None:
        public = [each for each in operations if not is_secured(each)]

        assert {tag for each in public for tag in each["tags"]} == {"auth", "system"}

    def test_token_url_is_an_operation(self, document: Node) -> None:
        url = document["servers"][0]["url"]
        flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]

        assert "post" in document["paths"][flow["tokenUrl"].removeprefix(url)]
        assert flow["refreshUrl"] == flow["tokenUrl"]

    def test_each_address_is_absolute(self, document: Node) -> None:
        flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]

        assert document["servers"] == [{"url": "http://127.0.0.1:8000"}]
        assert flow["tokenUrl"] == "http://127.0.0.1:8000/api/v1/auth/token"

    def test_each_header_is_spelled_as_in_its_specification(self, operations: list[Node]) -> None:
        parameters = [each for op in operations for each in op.get("parameters", ())]
        names = {each["name"] for each in parameters if each["in"] == "header"}

        assert {"If-Match", "Idempotency-Key"} <= names
        assert [name for name in names if not re.fullmatch(r"[A-Z]\w+(-[A-Z]\w*)*", name)] == []


class TestComponents:
    def test_each_string_number_and_array_is_bounded(self, document: Node) -> None:
        found = [place for place, schema in schemas(document) if not is_bounded(schema)]

        assert found == []

    def test_each_field_has_a_description(self, document: Node) -> None:
        models = document["components"]["schemas"].items()
        undescribed = {
            f"{name}.{field}"
            for name, model in models
            for field, schema in model.get("properties", {}).items()
            if not schema.get("description", "").endswith(".")
        }

        assert undescribed == set()

    def test_each_keyword_is_valid_json_schema(self, document: Node) -> None:
        fields = [field for _, schema in schemas(document) for field in values(schema)]

        assert {key for field in fields for key in field} - KEYWORDS == set()

    def test_each_bound_of_an_integer_is_an_integer_of_its_format(self, document: Node) -> None:
        limits = {"int32": 2**31 - 1, "int64": 2**63 - 1}
        found = [each for _, each in schemas(document) if plain_type(each) == "integer"]

        for schema in found:
            bounds = [schema[key] for key in ("minimum", "maximum") if key in schema]
            assert all(isinstance(bound, int) for bound in bounds), schema
            assert max(bounds, default=0) <= limits[schema["format"]]
        assert 2**63 - 1 in {each.get("maximum") for each in found}

    def test_plain_field_that_may_be_null_needs_no_union(self, document: Node) -> None:
        fields = [each for _, schema in schemas(document) for each in values(schema)]
        unions = [each["anyOf"] for each in fields if {"type": "null"} in each.get("anyOf", ())]

        plain = [u for u in unions if len(u) == 2 and {"const", "enum", "$ref"}.isdisjoint(u[0])]
        assert plain == []

    def test_each_field_that_is_always_sent_is_required(self, document: Node) -> None:
        found = document["components"]["schemas"]
        responses = {name for name in found if re.search(r"(Read|Read_|Created|Batch\w*)$", name)}

        optional = {
            f"{name}.{field}"
            for name in responses - {"ItemBatch"}
            for field in found[name]["properties"].keys() - {*found[name]["required"]}
        }
        # For administrators alone.
        assert optional <= {"DashboardRead.requests"}

    def test_each_component_is_used(self, document: Node) -> None:
        used = set(re.findall(r"'#/components/(\w+/[\w-]+)'", repr(document)))
        kinds = ("headers", "responses", "schemas")
        present = {f"{kind}/{name}" for kind in kinds for name in document["components"][kind]}

        assert used == present

    def test_examples_of_problems_are_valid(self, document: Node) -> None:
        for response in document["components"]["responses"].values():
            media = response["content"][PROBLEM_JSON]
            assert media["examples"], response["description"]
            for code, example in media["examples"].items():
                assert example["value"]["code"] == code
                validate(example["value"], media["schema"], document)

    def test_errors_are_grouped_by_status(self, operations: list[Node], document: Node) -> None:
        for operation in operations:
            for status, response in errors(operation, document):
                examples = response["content"][PROBLEM_JSON]["examples"].values()
                assert {str(example["value"]["status"]) for example in examples} == {status}


class Documented(ResponseModel):
    name: str = Field(max_length=9)
    """The name, which
    is short.
    """
    other: int = Field(description="Described here.")
    """Not this one."""


class Derived(Documented):
    name: str
    more: str
    """One more."""


class TestDescriptions:
    def test_string_below_a_field_is_its_description(self) -> None:
        fields = Documented.model_json_schema()["properties"]

        assert fields["name"]["description"] == "The name, which\nis short."
        assert fields["other"]["description"] == "Described here."

    def test_description_is_inherited(self) -> None:
        fields = Derived.model_json_schema()["properties"]

        assert fields["name"]["description"].startswith("The name")
        assert fields["more"]["description"] == "One more."

    def test_model_that_is_created_at_run_time_inherits_descriptions(self) -> None:
        fields = create_model("Created", __base__=Derived).model_json_schema()["properties"]

        assert fields["more"]["description"] == "One more."


class TestSchemas:
    def test_plain_type_or_null_becomes_one_schema(self) -> None:
        text = {"type": "string", "maxLength": 9}

        tidied = tidy({"anyOf": [text, {"type": "null"}], "description": "A name."})

        assert tidied == {"type": ["string", "null"], "maxLength": 9, "description": "A name."}

    def test_reference_or_null_stays_a_union(self) -> None:
        node = {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]}

        assert tidy(node) == node

    @pytest.mark.parametrize(
        ("rounded", "exact", "size"),
        [(2.0**63, 2**63 - 1, "int64"), (100.0, 100, "int32")],
    )
    def test_bound_of_an_integer_is_exact(self, rounded: float, exact: int, size: str) -> None:
        assert tidy({"type": "integer", "maximum": rounded}) == {
            "type": "integer",
            "format": size,
            "maximum": exact,
        }

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
        thing = {"properties": {**fields, "parent_id": fields["id"]}, "required": ["id"]}
        components = {"schemas": {"Thing": thing}}

        example = example_of({"$ref": "#/components/schemas/Thing"}, components)

        assert example.keys() == {"id"}


async def test_concurrent_first_requests_generate_the_document_once() -> None:
    app = create_app(default_settings())

    documents = await asyncio.gather(*(asyncio.to_thread(app.openapi) for _ in range(4)))

    assert all(document is documents[0] for document in documents)
