"""Report of the growth benchmark: tables, the plot, and its part of the page."""

from dataclasses import asdict

from benchmarks import chart
from benchmarks.export import Export
from benchmarks.measuring import Sample
from benchmarks.report import machine, write_figures, write_results
from benchmarks.service import ROOT

PLOT = ROOT / "docs" / "images" / "growth.svg"
MAX_PAGE_RATIO = 1.2
PAGES = ("first page", "page at depth")


def publish(figures: dict[int, dict[str, Sample]], exports: dict[int, Export]) -> None:
    """Write the results, the plot and the figures of the page."""
    series = {
        name: {count: each[name].cpu for count, each in figures.items()}
        for name in next(iter(figures.values()))
    }
    unit = "CPU microseconds per request, service and PostgreSQL"
    PLOT.write_text(chart.lines(series, unit), encoding="utf-8")
    requests = {
        str(count): {
            name: {key: round(figure, 2) for key, figure in asdict(sample).items()}
            for name, sample in each.items()
        }
        for count, each in figures.items()
    }
    exported = {str(count): asdict(export) for count, export in exports.items()}
    write_results("growth", {"requests": requests, "exports": exported})
    write_figures("growth", f"{machine()}.\n\n{tables(figures, exports)}")


def tables(figures: dict[int, dict[str, Sample]], exports: dict[int, Export]) -> str:
    return "\n\n".join([request_table(figures), page_ratios(figures), export_table(exports)])


def request_table(figures: dict[int, dict[str, Sample]]) -> str:
    """CPU microseconds a request, and the median latency in milliseconds."""
    counts = list(figures)
    lines = [
        f"| CPU µs; p50 in ms | {' | '.join(f'{count:,}' for count in counts)} |",
        f"|---|{'--:|' * len(counts)}",
    ]
    for name in figures[counts[0]]:
        cells = (cell(figures[count][name]) for count in counts)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(sample: Sample) -> str:
    failed = f" ({sample.errors} errors)" if sample.errors else ""
    return f"{sample.cpu:,.0f}; {sample.p50:.1f}{failed}"


def page_ratios(figures: dict[int, dict[str, Sample]]) -> str:
    """The promise about pages, by CPU time."""
    least, most = min(figures), max(figures)
    ratios = (f"{name} {figures[most][name].cpu / figures[least][name].cpu:.2f}" for name in PAGES)
    return (
        f"Out of {most:,} items a page costs so many times what it costs out of {least:,}: "
        f"{', '.join(ratios)} (wanted: at most {MAX_PAGE_RATIO:g})."
    )


def export_table(exports: dict[int, Export]) -> str:
    lines = [
        "| export of | rows per second | rows per second of CPU | growth of memory, MiB |",
        "|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {each.rows:,} | {each.per_second:,.0f} | {each.per_cpu_second:,.0f} | "
        f"{each.growth:.1f} |"
        for each in exports.values()
    ]
    return "\n".join(lines)
