"""OpenAPI of upload forms and binary responses, which FastAPI cannot infer."""

from typing import Any

from pydantic import TypeAdapter

from app.features.files.schemas import MAX_BATCH, Description, FilePath
from app.features.files.settings import FileSettings

Node = dict[str, Any]

BYTES: Node = {"type": "string", "contentMediaType": "application/octet-stream"}
FILE: Node = {
    **BYTES,
    "maxLength": FileSettings.model_fields["max_upload_bytes"].default,
    "description": "A part with a filename; its type is told by the bytes.",
    "examples": ["%PDF-1.7 ..."],
}
FILES: Node = {
    "type": "array",
    "items": FILE,
    "minItems": 1,
    "maxItems": MAX_BATCH,
    "examples": [["%PDF-1.7 ...", "%PDF-1.4 ..."]],
}
DETAILS: Node = {
    "description": TypeAdapter(Description).json_schema(),
    "path": {
        **TypeAdapter(FilePath).json_schema(),
        "description": "Where you find it again; no two of your files have the same.",
    },
}


def form(properties: Node, *, required: list[str]) -> Node:
    schema: Node = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


def content(description: str, **headers: str) -> Node:
    schema = {**BYTES, "maxLength": FILE["maxLength"]}
    return {
        "description": description,
        "content": {"application/octet-stream": {"schema": schema}},
        "headers": {
            name.replace("_", "-"): {
                "description": text,
                "schema": {"type": "string", "maxLength": 1000},
            }
            for name, text in headers.items()
        },
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
SINGLE_BODY = form({"file": FILE, **DETAILS}, required=["file"])
BATCH_BODY = form({"files": FILES}, required=["files"])
CONTENT_ANSWERS: dict[int | str, Node] = {
    200: content(
        "The whole file, with its own media type as Content-Type.",
        ETag="The SHA-256 of the bytes, for If-None-Match and If-Range.",
        Content_Disposition="An attachment with the name of the file.",
        Accept_Ranges="bytes",
    ),
    206: content("The range that was asked for.", Content_Range="Its place in the file."),
    304: {"description": "You have it already."},
    307: {"description": "The bytes are at a signed URL of the storage, good for a minute."},
}
