"""OpenAPI of exports: a file that is streamed, in one of two formats."""

from typing import Any

from app.features.items.export import MEDIA_TYPES, ExportFormat

EXAMPLES = {
    ExportFormat.NDJSON: '{"id":"0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58","name":"Walnut desk"}\n',
    ExportFormat.CSV: "id,name\r\n0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58,Walnut desk\r\n",
}


def media(form: ExportFormat) -> dict[str, Any]:
    schema = {"type": "string", "contentMediaType": media_type(form)}
    return {media_type(form): {"schema": schema, "example": EXAMPLES[form]}}


def media_type(form: ExportFormat) -> str:
    """Return the media type without its parameters."""
    return MEDIA_TYPES[form].partition(";")[0]


EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One item on each line, with the fields of `ItemRead`.",
        "content": media(ExportFormat.NDJSON) | media(ExportFormat.CSV),
        "headers": {
            "Content-Disposition": {
                "description": "An attachment with a file name.",
                "schema": {"type": "string", "maxLength": 100},
            }
        },
    }
}
