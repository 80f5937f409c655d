"""Parser of a diamond catalogue: reads a CSV file line by line and maps stones to items."""

import csv
import gzip
import hashlib
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from app.config.settings import ConfigError

GRADES = ("cut", "color", "clarity")
COLUMNS = ("carat", *GRADES, "depth", "table", "price", "x", "y", "z")
MEASURES = ("carat", "depth", "table", "x", "y", "z")
CATALOGUE_TAG = "catalogue-diamonds"

# The limits keep each item below 1 KB and memory constant for any file.
MAX_FIELD_LENGTH = 30
MAX_LINE_BYTES = 4096

DIGEST_LENGTH = 12
NUMBERED_NAME = re.compile(
    r"(?P<cut>.+) cut (?P<carat>\S+) ct (?P<color>.+) (?P<clarity>\S+), no\. \d{1,11}"
)
DESCRIPTION = re.compile(
    r"\S+ ct, depth (?P<depth>\S+) %, table (?P<table>\S+) %,"
    r" (?P<x>\S+) x (?P<y>\S+) x (?P<z>\S+) mm\."
)
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
GZIP_MAGIC = b"\x1f\x8b"


class Fault(NamedTuple):
    """Reason for rejecting a row; `pointer` (RFC 6901) names the field, if it is a single one."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file; with a `fault`, the fields as far as they could be parsed."""

    line: int
    fields: list[str]
    fault: Fault | None = None
    ordinal: int = 1

    @property
    def stone(self) -> dict[str, str]:
        return dict(zip(COLUMNS, self.fields, strict=True))

    @property
    def name(self) -> str:
        """The natural key: everything but the price, and an ordinal for identical stones."""
        return name_of(self.stone, self.ordinal)

    @property
    def price(self) -> Decimal:
        """The number in the file, which has US dollars; the items of the example have euros."""
        return Decimal(self.stone["price"])

    def item(self) -> dict[str, Any]:
        """Return the body of `POST /items`; the price is the number in the file, taken as euros."""
        stone = self.stone
        return {
            "name": self.name,
            "description": describe(stone),
            "price": stone["price"],
            "tags": [CATALOGUE_TAG, *(tag(f"{grade} {stone[grade]}") for grade in GRADES)],
        }


def name_of(stone: Mapping[str, str], ordinal: int) -> str:
    suffix = f"-{ordinal}" if ordinal > 1 else ""
    return "{cut} cut {carat} ct {color} {clarity}, no. ".format(**stone) + digest(stone) + suffix


def digest(stone: Mapping[str, str]) -> str:
    """Return the key of a stone: independent of its price and of its number formats."""
    values = [stone[grade] for grade in GRADES]
    values += [str(Decimal(stone[column]).normalize()) for column in MEASURES]
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:DIGEST_LENGTH]


def stone_of(name: str, description: str) -> dict[str, str] | None:
    """Return the stone of an item from an earlier import, whose name has a line number."""
    named, described = NUMBERED_NAME.fullmatch(name), DESCRIPTION.fullmatch(description)
    return named.groupdict() | described.groupdict() if named and described else None


def describe(stone: Mapping[str, str]) -> str:
    template = "{carat} ct, depth {depth} %, table {table} %, {x} x {y} x {z} mm."
    return template.format(**stone)


def tag(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


class Catalogue:
    """An open file, past its header."""

    def __init__(self, path: Path, raw: BinaryIO, text: BinaryIO) -> None:
        self.path = path
        self.size = os.fstat(raw.fileno()).st_size
        self._raw = raw
        self._lines = numbered_lines(path, text)
        self._check_header()

    @property
    def position(self) -> int:
        """Bytes of `size` that have been read; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def rows(self) -> Iterator[Row]:
        """Yield each line that is not blank.

        Raises:
            ConfigError: the rest of the file cannot be read.
        """
        seen: Counter[str] = Counter()
        for number, line in self._lines:
            if line.strip():
                yield numbered(read_row(number, line), seen)

    def _check_header(self) -> None:
        _, line = next(self._lines, (1, b""))
        try:
            header = parse(line.decode("utf-8-sig").rstrip("\r\n"))
        except (UnicodeDecodeError, csv.Error):
            header = []
        if header != list(COLUMNS):
            raise ConfigError(
                f"{self.path} is no catalogue of diamonds: its first line must be "
                f"{','.join(COLUMNS)}, plain or gzip."
            )


def numbered(row: Row, seen: Counter[str]) -> Row:
    """Return the row with its ordinal among identical ones."""
    if row.fault:
        return row
    key = digest(row.stone)
    seen[key] += 1
    return replace(row, ordinal=seen[key])


@contextmanager
def open_catalogue(path: Path) -> Iterator[Catalogue]:
    """Open the file, gzip or plain.

    Raises:
        ConfigError: the file is missing, unreadable, or no catalogue.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    with raw:
        is_gzip = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        text = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        with closing(text):
            yield Catalogue(path, raw, text)


def numbered_lines(path: Path, text: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield line numbers and lines, truncated to `MAX_LINE_BYTES`.

    Raises:
        ConfigError: the rest of the file cannot be read.
    """
    number = 0
    try:
        while line := text.readline(MAX_LINE_BYTES):
            number += 1
            skip_rest_of_line(text, line)
            yield number, line
    except (OSError, EOFError, zlib.error):
        raise ConfigError(
            f"{path} is damaged after line {number}: download it and start the import again."
        ) from None


def skip_rest_of_line(text: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = text.readline(MAX_LINE_BYTES)


def read_row(number: int, line: bytes) -> Row:
    text = line.decode(errors="backslashreplace").rstrip("\r\n")
    try:
        fields = parse(text)
    except csv.Error:
        fault = Fault("", "not_csv", "The line is not valid CSV")
        return Row(number, in_columns(text.split(",")), fault)
    return Row(number, in_columns(fields), encoding_fault(line) or fault_of(fields))


def parse(line: str) -> list[str]:
    """Parse a single line, so that an unbalanced quote cannot consume the following lines."""
    return next(csv.reader([line], strict=True), [])


def encoding_fault(line: bytes) -> Fault | None:
    try:
        line.decode()
    except UnicodeDecodeError:
        return Fault("", "not_utf8", "The line is not UTF-8")
    return None


def fault_of(fields: list[str]) -> Fault | None:
    if len(fields) != len(COLUMNS):
        message = f"The line has {len(fields)} columns instead of {len(COLUMNS)}"
        return Fault("", "column_count", message)
    faults = (field_fault(*pair) for pair in zip(COLUMNS, fields, strict=True))
    return next(filter(None, faults), None)


def field_fault(column: str, field: str) -> Fault | None:
    if len(field) > MAX_FIELD_LENGTH:
        message = f"The field is longer than {MAX_FIELD_LENGTH} characters"
        return Fault(f"/{column}", "too_long", message)
    if column in GRADES:
        is_empty = not field.strip()
        return Fault(f"/{column}", "missing", "The field is empty") if is_empty else None
    is_number = NUMBER.fullmatch(field)
    return None if is_number else Fault(f"/{column}", "not_a_number", "The field is not a number")


def in_columns(fields: list[str]) -> list[str]:
    """Return one field for each column; surplus fields are joined in the last one."""
    last = len(COLUMNS) - 1
    padded = fields + [""] * (len(COLUMNS) - len(fields))
    return [*padded[:last], ",".join(padded[last:])]
