"""Promise P26 as a drill: what others notice while one client tries to exhaust the service.

    python -m benchmarks.exhaustion [--checkout DIR] [--only NAME ...]

Starts PostgreSQL, the service, a mail server and, where it is installed, nginx with the shipped
configuration; then plays one attack after the other, beside 40 probes and 40 reads a second, which
are measured for 5 s at least. Prints per attack what it was answered with, how long probes and
reads took beside the quiet phase, and the memory before, at its peak and after. `--checkout`
measures the service of another working copy with its own environment. Takes about two minutes,
stops what it started, exits with 1 when a bound is broken.
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from app.devtools.postgres import embedded_postgres
from benchmarks.exhaustion.attacks import ATTACKS
from benchmarks.exhaustion.observer import MEBI, Observation, Observer
from benchmarks.exhaustion.stage import Stage, attack_command, stage
from benchmarks.plain_nginx import NGINX
from benchmarks.processes import cpu_seconds, tree

ROOT = Path(__file__).parents[2]
QUIET_SECONDS = 4.0
# So long at least, so that a percentile is one of 200 values.
OBSERVED_SECONDS = 5.0
# An attack that has not ended by then is ended, with its connections.
ATTACK_SECONDS = 8.0
SETTLE_SECONDS = 3.0
MAX_LIVENESS_MILLISECONDS = 100.0
MAX_SLOWDOWN = 2.0
# Below that, a read that takes twice as long is noise.
LEAST_MILLISECONDS = 20.0
MAX_GROWTH = 1.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attack: its answers, what others saw, and memory in bytes."""

    name: str
    statuses: dict[str, int]
    seen: Observation
    quiet: Observation
    before: int
    after: int
    cpu_seconds: float
    has_lost_processes: bool
    remark: str

    @property
    def broken(self) -> list[str]:
        read, quiet = self.seen.percentile("reads", 99), self.quiet.percentile("reads", 99)
        verdicts = {
            "liveness": self.seen.percentile("probes", 99) > MAX_LIVENESS_MILLISECONDS,
            "reads": read > MAX_SLOWDOWN * max(quiet, LEAST_MILLISECONDS),
            "failed reads": self.seen.failed_reads > 0 or self.seen.failed_probes > 0,
            "memory": self.after > self.before * MAX_GROWTH,
            "process ended": self.has_lost_processes,
        }
        return [name for name, is_broken in verdicts.items() if is_broken]

    def __str__(self) -> str:
        seen = self.seen
        responses = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        memory = "/".join(f"{each // MEBI}" for each in (self.before, seen.peak_bytes, self.after))
        times = (seen.percentile(of, p) for of in ("probes", "reads") for p in (50, 99))
        figures = "".join(f"{each:>9.1f}" for each in times)
        verdict = f"BROKEN: {', '.join(self.broken)}" if self.broken else "ok"
        spent = f"{seen.failed_reads:>8}{memory:>15}{self.cpu_seconds:>7.1f}"
        return f"  {self.name:<14}{figures}{spent}  {verdict}\n{'':<16}{responses}{self.remark}"


def main() -> int:
    arguments = parsed()
    binary = arguments.checkout / ".venv" / "bin" / "app"
    if not binary.exists():
        print(f"There is no {binary}: run `make` in that working copy once.")
        return 2
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        return asyncio.run(drill(Path(folder), arguments.checkout.resolve(), url, arguments.only))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make drill-exhaustion")
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    return parser.parse_args()


async def drill(folder: Path, checkout: Path, url: str, names: list[str]) -> int:
    async with stage(folder, checkout, url) as on:
        observer = Observer(on.scene.port, on.pid, on.observed)
        _, quiet = await observer.during(asyncio.sleep(QUIET_SECONDS))
        print_heading(quiet)
        outcomes = []
        for name in playable(names):
            outcomes.append(await play(name, on, observer, quiet))
            print(outcomes[-1], flush=True)
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def playable(names: list[str]) -> list[str]:
    if NGINX is None:
        print("  What goes through nginx is left out: Debian has it as nginx-light.")
        return [name for name in names if not name.endswith("-nginx")]
    return names


def print_heading(quiet: Observation) -> None:
    liveness, reads = quiet.percentile("probes", 99), quiet.percentile("reads", 99)
    print(f"  quiet: liveness p99 {liveness:.1f} ms, reads p99 {reads:.1f} ms")
    columns = f"{'liveness p50, p99':>18}{'reads p50, p99':>18}{'failed':>8}{'MiB':>15}{'CPU s':>7}"
    print(f"  {'':<14}{columns}")


async def play(name: str, on: Stage, observer: Observer, quiet: Observation) -> Outcome:
    await observer.until_quiet()
    processes, before, signed_in = set(tree(on.pid)), observer.memory(), on.mail.sign_ins
    spent = cpu_seconds(on.pid)
    played = asyncio.gather(attack(name, on), asyncio.sleep(OBSERVED_SECONDS))
    ((statuses, stored), _), seen = await observer.during(played)
    spent = cpu_seconds(on.pid) - spent
    await asyncio.sleep(SETTLE_SECONDS)
    remark = f"; {on.mail.sign_ins - signed_in} sign-ins at the mail server"
    remark += f"; nginx stored {stored // MEBI} MiB" if name == "uploads-nginx" else ""
    has_lost = not processes <= set(tree(on.pid))
    return Outcome(name, statuses, seen, quiet, before, observer.memory(), spent, has_lost, remark)


async def attack(name: str, on: Stage) -> tuple[dict[str, int], int]:
    """Play it in a process of its own; return its statuses and the most that nginx stored."""
    process = await asyncio.create_subprocess_exec(
        *attack_command(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    scene = json.dumps(asdict(on.scene)).encode()
    answered = asyncio.create_task(process.communicate(scene))
    deadline, stored = asyncio.get_running_loop().time() + ATTACK_SECONDS, 0
    while not answered.done() and asyncio.get_running_loop().time() < deadline:
        # Of uploads alone: to look through a thousand connections of nginx delays the observer.
        stored = max(stored, stored_by(on.nginx_folder) if name == "uploads-nginx" else 0)
        await asyncio.sleep(0.05)
    if not answered.done():
        process.kill()
    out, _ = await answered
    return (json.loads(out) if out else {"ended by the drill": 1}), stored


def stored_by(folder: Path | None) -> int:
    """Bytes of request bodies in files of nginx, which has unlinked them already."""
    if folder is None:
        return 0
    pid = int((folder / "nginx.pid").read_text(encoding="ascii"))
    return sum(stored_in(file) for each in tree(pid) for file in Path(f"/proc/{each}/fd").iterdir())


def stored_in(file: Path) -> int:
    try:
        return file.stat().st_size if "client_body" in str(file.readlink()) else 0
    except OSError:
        return 0  # Closed meanwhile.


if __name__ == "__main__":
    raise SystemExit(main())
