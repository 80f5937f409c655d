"""Importer: sends a catalogue to the API of the running service.

The name of an item is its natural key: everything but the price, and not the line number. Items
that the user already has are not sent again, so that an import can be repeated, also with a longer
file, and resumed after an interruption. Changed prices are reported, or updated on request.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.config.settings import Settings
from examples.catalogue_import.client import (
    BATCH_SIZE,
    Backoff,
    Body,
    ResponseLost,
    ServiceClient,
    connect,
)
from examples.catalogue_import.diamonds import (
    CATALOGUE_TAG,
    Catalogue,
    Fault,
    Row,
    digest,
    name_of,
    open_catalogue,
    stone_of,
)
from examples.catalogue_import.report import Rejects, Tally, open_rejects

# Longer than the statement timeout of the service (DATABASE_COMMAND_TIMEOUT_SECONDS): after it
# a batch whose response was lost is either committed or rolled back.
SETTLE_SECONDS = 5.0


def run_import(
    file: Path,
    *,
    url: str | None,
    username: str,
    password: str | None,
    rejects: Path,
    update: bool,
    settings: Settings,
) -> None:
    """Create the items of the file that the user does not have, and print a summary.

    Prices that differ are set with `update`, and otherwise reported among the rejects.

    Raises:
        ConfigError: the file, the address or the password is not usable, or the service
            remains unreachable.
    """
    api = (url or f"http://127.0.0.1:{settings.port}").rstrip("/") + settings.api_v1_str
    secret = password or settings.demo_password.get_secret_value()
    with (
        open_catalogue(file) as catalogue,
        connect(api, username=username, password=secret) as service,
        open_rejects(rejects) as rejected,
        progress_bar() as progress,
    ):
        tally = Import(service, rejected, progress, update=update).run(catalogue)
    print(tally.summary(file, rejects))


def progress_bar() -> Progress:
    """Return a progress bar on standard error, disabled if that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class Import:
    """One run: reads the existing items, then sends the missing ones."""

    def __init__(
        self, service: ServiceClient, rejects: Rejects, progress: Progress, *, update: bool
    ) -> None:
        self._service = service
        self._rejects = rejects
        self._progress = progress
        self._task = progress.add_task("", total=None, rows=0)
        self._tally = Tally()
        self._update = update
        self._present: dict[str, Body] = {}
        self._batch: dict[str, Row] = {}

    def run(self, catalogue: Catalogue) -> Tally:
        if self._rejects.is_resumed:
            print("Waiting for the last batch of an import that was cut short.", file=sys.stderr)
            time.sleep(SETTLE_SECONDS)
        self._present = self._existing_items()
        for row in catalogue.rows():
            self._process(row)
            if len(self._batch) == BATCH_SIZE:
                self._send()
                self._show("Sending", completed=catalogue.position, total=catalogue.size)
        self._send()
        self._show("Sent", completed=catalogue.size, total=catalogue.size)
        return self._tally

    def _existing_items(self) -> dict[str, Body]:
        self._show("Reading what is there")
        items = (item for item in self._service.own_items() if CATALOGUE_TAG in item["tags"])
        return by_name(items)

    def _process(self, row: Row) -> None:
        self._tally.rows += 1
        if row.fault:
            self._tally.malformed[row.fault.code] += 1
            self._rejects.write(row, [row.fault])
        elif item := self._present.get(row.name):
            self._compare(row, item)
        else:
            self._batch[row.name] = row

    def _compare(self, row: Row, item: Body) -> None:
        if Decimal(item["price"]) == row.price:
            self._tally.present += 1
        elif self._update:
            self._change_price(row, item)
        else:
            self._tally.changed += 1
            message = f"The service has {item['price']}"
            self._rejects.write(row, [Fault("/price", "price_changed", message)])

    def _change_price(self, row: Row, item: Body) -> None:
        problem = self._service.change_price(item, row.stone["price"])
        if problem is None:
            self._tally.updated += 1
        else:
            self._reject(row, faults_of(problem, "/body"))

    def _reject(self, row: Row, faults: list[Fault]) -> None:
        self._tally.rejected["; ".join(fault.code for fault in faults)] += 1
        self._rejects.write(row, faults)

    def _send(self) -> None:
        """Send the batch; after a lost response, read the existing items before the retry."""
        backoff = Backoff()
        while self._batch:
            rows = list(self._batch.values())
            try:
                results = self._service.create_items([row.item() for row in rows])
            except ResponseLost as error:
                backoff.wait(error, at_least_seconds=SETTLE_SECONDS)
                self._drop_created()
            else:
                self._record(rows, results)
                self._batch.clear()

    def _drop_created(self) -> None:
        for name in self._batch.keys() & self._existing_items().keys():
            del self._batch[name]
            self._tally.created += 1

    def _record(self, rows: list[Row], results: list[dict[str, Any]]) -> None:
        for row, result in zip(rows, results, strict=True):
            if result["problem"] is None:
                self._tally.created += 1
            else:
                self._reject(row, faults_of(result["problem"], f"/body/items/{result['index']}"))

    def _show(self, description: str, **figures: Any) -> None:
        self._progress.update(self._task, description=description, rows=self._tally.rows, **figures)


def by_name(items: Iterable[Body]) -> dict[str, Body]:
    """Return the items by the current names of their stones.

    Earlier imports named items after line numbers: of identical stones the oldest is the first.
    """
    seen: Counter[str] = Counter()
    found: dict[str, Body] = {}
    for item in items:
        name, stone = item["name"], stone_of(item["name"], item["description"] or "")
        if stone:
            seen[digest(stone)] += 1
            name = name_of(stone, seen[digest(stone)])
        found[name] = {key: item[key] for key in ("id", "version", "price")}
    return found


def faults_of(problem: Body, place: str) -> list[Fault]:
    """Return the errors of one item, with pointers relative to it, or the problem as one fault."""
    whole = {"pointer": "", "code": problem["code"], "message": problem["detail"]}
    errors = problem.get("errors") or [whole]
    return [
        Fault(error["pointer"].removeprefix(place), error["code"], error["message"])
        for error in errors
    ]
