"""Targets as ratios within one run, since absolute figures differ between machines."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Sample, median
from benchmarks.servers import SERVICE, TRACED, title_of

# By server and operation; by number of connections.
Samples = dict[str, dict[str, Sample]]
Run = dict[int, Samples]


@dataclass(frozen=True)
class Target:
    """The CPU time of `server` is at most `ratio` times that of the peer, on most connections."""

    operation: str
    peer: str
    ratio: float
    server: str = SERVICE.name

    def line(self, runs: Sequence[Run]) -> str:
        ratios = [self.ratios(runs, level) for level in runs[0]]
        verdict = "reached" if statistics.median(ratios[-1]) <= self.ratio else "missed"
        cells = (ranged(each) for each in ratios)
        names = f"{title_of(self.server)} / {title_of(self.peer)}"
        return f"| {self.operation}: {names} | {' | '.join(cells)} | {self.ratio:g} | {verdict} |"

    def ratios(self, runs: Sequence[Run], level: int) -> list[float]:
        """Return the ratio of each run."""
        return [
            run[level][self.server][self.operation].cpu / run[level][self.peer][self.operation].cpu
            for run in runs
        ]

    def is_measured(self, samples: Samples) -> bool:
        return all(self.operation in samples.get(each, {}) for each in (self.server, self.peer))


TARGETS = [
    Target("hello", "express", 1),
    Target("get", "express", 1.15),
    Target("get", "asgi", 1.5),
    Target("get", "fastapi_asyncpg", 0.58),
    Target("get", SERVICE.name, 1.15, server=TRACED.name),
    Target("list", "express", 1.35),
    Target("list", "fastapi_asyncpg", 0.7),
    Target("create", "express", 1.7),
    Target("create", "fastapi_asyncpg", 0.85),
]


def ranged(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def table(runs: Sequence[Run]) -> str:
    levels = list(runs[0])
    measured = [target for target in TARGETS if target.is_measured(runs[0][levels[0]])]
    heads = " | ".join(f"{level} connections" for level in levels)
    head = (
        f"| ratio of CPU time | {heads} | wanted: at most | |\n|---|{'--:|' * len(levels)}--:|---|"
    )
    return "\n".join([head, *(target.line(runs) for target in measured)])


def medians(runs: Sequence[Run], level: int) -> Samples:
    """Return the medians of the runs on so many connections."""
    return {
        server: {name: median([run[level][server][name] for run in runs]) for name in operations}
        for server, operations in runs[0][level].items()
    }


def samples_of(run: Run) -> Iterator[Sample]:
    for samples in run.values():
        for operations in samples.values():
            yield from operations.values()
