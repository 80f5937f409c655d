"""CPU profile of the server under load, by package and by function.

    python -m benchmarks.hotspots [--only get list create] [--seconds 10]

py-spy must be allowed to look into a child of ours: on Linux as root, or where
kernel.yama.ptrace_scope is 0.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

from benchmarks.catalogue import fill, sign_in_callers, workloads
from benchmarks.comparison import OPERATIONS
from benchmarks.laboratory import Running, laboratory, running
from benchmarks.load import Request, send
from benchmarks.servers import SERVICE
from benchmarks.service import ROOT

SAMPLES_PER_SECOND = 500
WARM_UP_SECONDS = 2
SHOWN = 30
FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(?::(?P<line>\d+))?\)")
PACKAGES = Path(sysconfig.get_paths()["purelib"])
STANDARD = Path(sysconfig.get_paths()["stdlib"])

Stack = tuple[str, ...]


def main() -> int:
    options = parse()
    with laboratory() as place, running(SERVICE, place) as service:
        asyncio.run(fill(place.url))
        requests = workloads(sign_in_callers(place.url, service.port))
        for operation in options.only:
            stacks = sampled(service, requests[operation], options.seconds, place.folder)
            print(f"\n{operation}: {stacks.total()} samples")
            show("package, its own code", by_package(stacks), stacks.total())
            show("function, its own code", by_leaf(stacks), stacks.total())
            show("function of ours, with all it calls", by_own_function(stacks), stacks.total())
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=OPERATIONS, default=["get"])
    parser.add_argument("--seconds", type=int, default=10)
    return parser.parse_args()


def sampled(
    service: Running, requests: list[Request], seconds: int, folder: Path
) -> Counter[Stack]:
    """How often each stack was seen, the outermost function first."""
    send(service.port, requests, WARM_UP_SECONDS)
    output = folder / "stacks.txt"
    command = [str(Path(sys.executable).parent / "py-spy"), "record", "--format", "raw"]
    command += ["--rate", str(SAMPLES_PER_SECOND), "--duration", str(seconds), "--full-filenames"]
    command += ["--output", str(output), "--pid", str(service.process.pid)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as profiler:
        send(service.port, requests, seconds + 1)
        _, said = profiler.communicate()
    if profiler.returncode:
        raise SystemExit(f"py-spy: {said.strip()}")
    lines = output.read_text(encoding="utf-8").splitlines()
    pairs = [line.rpartition(" ") for line in lines]
    return Counter(
        # Without the threads, which wait for work and look busy while they do.
        {
            tuple(stack.split(";")): int(count)
            for stack, _, count in pairs
            if stack and "threading.py" not in stack.partition(";")[0]
        }
    )


def by_package(stacks: Counter[Stack]) -> Counter[str]:
    found: Counter[str] = Counter()
    for stack, count in stacks.items():
        found[package_of(stack[-1])] += count
    return found


def by_leaf(stacks: Counter[Stack]) -> Counter[str]:
    found: Counter[str] = Counter()
    for stack, count in stacks.items():
        found[short(stack[-1])] += count
    return found


def by_own_function(stacks: Counter[Stack]) -> Counter[str]:
    found: Counter[str] = Counter()
    for stack, count in stacks.items():
        # Once for each stack, however often a function calls itself.
        for place in {short(frame) for frame in stack if package_of(frame) == "app"}:
            found[place] += count
    return found


def package_of(frame: str) -> str:
    path = file_of(frame)
    for root, name in ((PACKAGES, ""), (STANDARD, "the standard library"), (ROOT, "")):
        if path.is_relative_to(root):
            return name or path.relative_to(root).parts[0]
    return "the interpreter"


def short(frame: str) -> str:
    """The function and where it is, without the line that was running."""
    path, function = file_of(frame), frame.partition(" (")[0]
    for root in (PACKAGES, STANDARD, ROOT):
        if path.is_relative_to(root):
            return f"{path.relative_to(root)} {function}"
    return frame


def file_of(frame: str) -> Path:
    parts = FRAME.fullmatch(frame)
    return Path(parts["file"]) if parts else Path(frame)


def show(title: str, counts: Counter[str], samples: int) -> None:
    print(f"\n  {title}")
    for name, count in counts.most_common(SHOWN):
        print(f"    {count / samples:6.1%}  {name}")


if __name__ == "__main__":
    raise SystemExit(main())
