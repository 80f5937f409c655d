"""Database drill: failures that the service must survive, with real servers.

    python -m benchmarks.database [PART ...]

The parts: durability, replica, pgbouncer and restore, which also run without a name and take about
four minutes together; migrations (20 rounds of five starts) and absence (servers that hang or are
away). Each starts what it needs on the loopback interface, prints its figures beside what is
promised, and stops what it started. A part whose programs are missing says so, and the
others go on. Exits with 1 when a promise is broken or a part was not run.
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from benchmarks.database import absence, bouncer, durability, failover, migrating
from benchmarks.login_flood import Figure
from benchmarks.tools import MissingTool

BACKUP = "benchmarks.database.backup"  # Goes with the feature.


def restore() -> list[Figure]:
    if find_spec(BACKUP) is None:
        raise MissingTool("There is no feature backup here.")
    figures: list[Figure] = import_module(BACKUP).drill()
    return figures


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "durability": durability.drill,
    "replica": failover.drill,
    "pgbouncer": bouncer.drill,
    "restore": restore,
    "migrations": migrating.drill,
    "absence": absence.drill,
}
USUAL = ["durability", "replica", "pgbouncer", "restore"]


def main() -> int:
    names = sys.argv[1:] or USUAL
    unknown = set(names) - set(PARTS)
    if unknown:
        print(f"There is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}.")
        return 2
    broken = [name for name in names if not is_kept(name, PARTS[name])]
    return 1 if broken else 0


def is_kept(name: str, drill: Callable[[], list[Figure]]) -> bool:
    """Run the part and print its figures, or in one sentence what it needs."""
    started = time.monotonic()
    try:
        figures = drill()
    except MissingTool as missing:
        print(f"{name}: not run. {missing}\n", flush=True)
        return False
    print(f"{name} ({time.monotonic() - started:.0f} s)", *figures, "", sep="\n", flush=True)
    return all(figure.is_kept for figure in figures)


if __name__ == "__main__":
    raise SystemExit(main())
