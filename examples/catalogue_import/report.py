"""Import report: the file of rejected rows, and the summary."""

import csv
import fcntl
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from app.config.settings import ConfigError
from examples.catalogue_import.diamonds import COLUMNS, Fault, Row

REJECT_COLUMNS = ("line", *COLUMNS, "pointer", "code", "message")


class Rejects:
    """A CSV file of rejected rows; `is_resumed` after an interrupted import."""

    def __init__(self, file: TextIO, *, is_resumed: bool) -> None:
        self.is_resumed = is_resumed
        self._csv = csv.writer(file)
        self._csv.writerow(REJECT_COLUMNS)

    def write(self, row: Row, faults: Sequence[Fault]) -> None:
        """Write one line for the row, with all its faults."""
        self._csv.writerow([row.line, *row.fields, *map("; ".join, zip(*faults, strict=True))])


@contextmanager
def open_rejects(path: Path) -> Iterator[Rejects]:
    """Open the file as `<name>.partial`; it is renamed when it is complete.

    Raises:
        ConfigError: the file cannot be written, or another import is writing it.
    """
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is no file: choose another one with --rejects.")
    partial = path.with_name(f"{path.name}.partial")
    is_resumed = partial.exists()
    try:
        with partial.open("a", newline="", encoding="utf-8") as file:
            lock(file, path)
            file.truncate(0)
            yield Rejects(file, is_resumed=is_resumed)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def lock(file: TextIO, path: Path) -> None:
    """Lock the file: two concurrent imports would both find the same items missing.

    Raises:
        ConfigError: another import holds the lock.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"Another import is writing {path}: wait until it is done.") from None


@dataclass
class Tally:
    """Counts of rows by outcome."""

    started_at: float = field(default_factory=time.monotonic)
    rows: int = 0
    created: int = 0
    present: int = 0
    changed: int = 0
    updated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)

    def summary(self, file: Path, rejects: Path) -> str:
        seconds = time.monotonic() - self.started_at
        sent = self.created + self.rejected.total()
        return (
            f"Imported {file}\n"
            f"  rows read     {self.rows:>9,}\n"
            f"  created       {self.created:>9,}\n"
            f"  already there {self.present:>9,}\n"
            f"  price changed {self.changed:>9,}\n"
            f"  price updated {self.updated:>9,}\n"
            f"  rejected      {breakdown(self.rejected)}\n"
            f"  malformed     {breakdown(self.malformed)}\n"
            f"  seconds       {seconds:>9,.1f}  ({sent / seconds:,.0f} items sent per second)\n"
            f"  rejects       {rejects}"
        )


def breakdown(codes: Counter[str]) -> str:
    parts = ", ".join(f"{code} {count:,}" for code, count in codes.most_common())
    return f"{codes.total():>9,}" + (f"  ({parts})" if parts else "")
