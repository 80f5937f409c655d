"""Resource usage of a process and its descendants: proc(5)."""

import os
from contextlib import suppress
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIBI = 1024


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            children += [int(child) for child in file.read_text().split()]
    return [pid, *(each for child in children for each in tree(child))]


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree so far, that of ended and awaited children included."""
    return sum(cpu_ticks(each) for each in tree(pid)) / TICKS_PER_SECOND


def cpu_ticks(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # It has just ended: what it spent is now counted with its parent.
    # The second field is a name in brackets, which may hold spaces.
    return sum(int(field) for field in status.rpartition(")")[2].split()[11:15])


def resident_bytes(pid: int) -> int:
    """The memory of one process that is in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * KIBI
