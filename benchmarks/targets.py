"""Targets as ratios within one run, since absolute figures differ between machines."""

from dataclasses import dataclass

from benchmarks.measuring import Sample
from benchmarks.servers import SERVICE, title_of

Samples = dict[str, dict[str, Sample]]


@dataclass(frozen=True)
class Target:
    """The CPU time of this service is at most `ratio` times that of the peer."""

    operation: str
    peer: str
    ratio: float | None = None

    def line(self, samples: Samples) -> str:
        ratio = ratio_of(samples, self.operation, self.peer)
        wanted = f"at most {self.ratio:g}" if self.ratio else ""
        verdict = "" if self.ratio is None else "reached" if ratio <= self.ratio else "missed"
        return f"| {self.operation} | {title_of(self.peer)} | {ratio:.2f} | {wanted} | {verdict} |"


TARGETS = [
    Target("get", "asgi", 1.35),
    Target("get", "express", 1),
    Target("get", "gin", 3),
    Target("get", "fastapi_asyncpg", 1),
    Target("get", "fastapi_sqlalchemy", 0.25),
    Target("list", "asgi"),
    Target("list", "express", 1),
    Target("list", "gin"),
    Target("create", "asgi"),
    Target("create", "express", 2),
    Target("create", "gin"),
    Target("create", "flask", 1),
]


def ratio_of(samples: Samples, operation: str, peer: str) -> float:
    """CPU time of this service over that of the peer."""
    return samples[SERVICE.name][operation].cpu / samples[peer][operation].cpu


def table(samples: Samples) -> str:
    measured = [
        target
        for target in TARGETS
        if all(target.operation in samples.get(name, {}) for name in (SERVICE.name, target.peer))
    ]
    head = "| operation | peer | this service / peer | wanted | |\n|---|---|--:|---|---|"
    return "\n".join([head, *(target.line(samples) for target in measured)])
