"""Exports: whole collections as NDJSON or CSV, streamed in constant memory."""

import asyncio
import csv
import enum
import io
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from pydantic import TypeAdapter

from app.db.executor import R
from app.features.users.guarded_response import GuardedResponse

# Spreadsheets treat cells that start with these as formulas (OWASP, CSV Injection): the last four
# are full-width, for East Asian locales.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Encoding a row costs about 50 us.
SLICE_ROWS = 50


class ExportFormat(enum.StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"


MEDIA_TYPES = {
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}


async def export(
    request: Request,
    chunks: AsyncIterator[list[R]],
    row_type: type[R],
    form: ExportFormat,
    *,
    name: str,
) -> GuardedResponse:
    """Return all rows as a file.

    Raises:
        Unavailable: the database is unreachable. Only the first chunk can raise it: the status
            is sent before later ones.
    """
    rows = sliced(prepended(await anext(chunks, []), chunks))
    lines = ndjson(rows, row_type) if form is ExportFormat.NDJSON else csv_lines(rows, row_type)
    disposition = f'attachment; filename="{name}.{form}"'
    headers = {"Content-Disposition": disposition}
    return GuardedResponse(request, lines, media_type=MEDIA_TYPES[form], headers=headers)


async def prepended(first: list[R], others: AsyncIterator[list[R]]) -> AsyncIterator[list[R]]:
    yield first
    async for rows in others:
        yield rows


async def sliced(chunks: AsyncIterator[list[R]]) -> AsyncIterator[list[R]]:
    """Divide the chunks into slices, between which the event loop runs other requests."""
    async for rows in chunks:
        for start in range(0, len(rows), SLICE_ROWS):
            yield rows[start : start + SLICE_ROWS]
            await asyncio.sleep(0)


async def ndjson(chunks: AsyncIterator[list[R]], row_type: type[R]) -> AsyncIterator[bytes]:
    to_json = TypeAdapter(row_type).serializer.to_json
    async for rows in chunks:
        yield b"".join(to_json(row) + b"\n" for row in rows)


async def csv_lines(chunks: AsyncIterator[list[R]], row_type: type[R]) -> AsyncIterator[str]:
    names = list(row_type.__annotations__)
    yield written([names])
    async for rows in chunks:
        yield written([cell(row[name]) for name in names] for row in rows)


def written(rows: Iterable[list[Any]]) -> str:
    """Return the rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return the value as its cell: times as in JSON, and no text that is a formula."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        value = ",".join(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
