"""Output of commands: columns for a terminal, or JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, as_json: bool = False
) -> None:
    """Print a header and the rows, separated by tabs, or a JSON array of objects."""
    cells = [[cell(value) for value in row] for row in rows]
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in cells], indent=2))
        return
    for line in (columns, *cells):
        print("\t".join("" if each is None else str(each) for each in line))


def cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value if value is None or isinstance(value, bool | int) else str(value)
