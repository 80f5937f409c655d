"""OpenAPI of upload forms and binary responses, which FastAPI cannot infer."""

from typing import Any

from pydantic import TypeAdapter

from app.features.files.schemas import EXAMPLE_PATH, MAX_BATCH, PATH, Description
from app.http.openapi import COPY_IS_CURRENT, VALIDATORS, sent

Node = dict[str, Any]

# `format` for generators of OpenAPI 3.0, which upload the text of an object without it.
BYTES: Node = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}
FILE: Node = {
    **BYTES,
    "description": "A part with a filename; its type is detected from the bytes, and its size is "
    "limited (by default to 20 MiB).",
    "examples": ["%PDF-1.7 ..."],
}
FILES: Node = {
    "type": "array",
    "description": "The files, up to 10.",
    "items": FILE,
    "maxItems": MAX_BATCH,
    "examples": [["%PDF-1.7 ...", "%PDF-1.4 ..."]],
}
DETAILS: Node = {
    "description": {
        **TypeAdapter(Description).json_schema(),
        "description": "Text about the file; up to 500 characters.",
    },
    # Swagger UI fills in the example of a field, and an upload of a path that exists is rejected.
    "path": {
        "type": "string",
        "maxLength": 500,
        "pattern": f"^({PATH})?$",
        "examples": [""],
        "description": f"Path to read the file by, such as `{EXAMPLE_PATH}`, unique among your "
        "files; none if it is empty.",
    },
}


def form(properties: Node, example: Node, *, required: list[str]) -> Node:
    schema: Node = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    content = {"multipart/form-data": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def content(description: str, **headers: str) -> Node:
    own = {
        name.replace("_", "-"): {
            "description": text,
            "schema": {"type": "string", "maxLength": 1000},
        }
        for name, text in headers.items()
    }
    return {
        "description": description,
        # A file has one of the types that `GET /files` filters by. Generators of clients that
        # do not know the range read bytes of the other one.
        "content": {name: {"schema": BYTES} for name in ("application/octet-stream", "*/*")},
        "headers": own,
        **sent(*VALIDATORS),
    }


# The conditional headers are added to every operation that can respond with 304.
CONTENT_PARAMETERS: Node = {
    "parameters": [
        {
            "name": name,
            "in": "header",
            "description": description,
            "schema": {"type": "string", "maxLength": 1000},
        }
        for name, description in (
            ("Range", "One range of bytes, for example `bytes=0-499`; several get the whole."),
            ("If-Range", "The `ETag` or `Last-Modified` of the part that you have."),
        )
    ]
}
SINGLE_BODY = form(
    {"file": FILE, **DETAILS},
    {"file": FILE["examples"][0], "description": "The report of 2026."},
    required=["file"],
)
BATCH_BODY = form({"files": FILES}, {"files": FILES["examples"][0]}, required=["files"])
CONTENT_ANSWERS: dict[int | str, Node] = {
    200: content(
        "The whole file, with its own media type as Content-Type. Its ETag is the SHA-256.",
        Accept_Ranges="bytes",
        Content_Disposition="An attachment with the name of the file.",
    ),
    206: content(
        "The range that was asked for.",
        Accept_Ranges="bytes",
        Content_Disposition="An attachment with the name of the file.",
        Content_Range="The position of the range in the file.",
    ),
    304: COPY_IS_CURRENT | sent(*VALIDATORS),
    307: {
        "description": "The bytes are at a signed URL of the storage, good for a minute.",
        **sent("Location"),
    },
}
