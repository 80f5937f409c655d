"""Charts as SVG by hand, readable on a light and on a dark page."""

import math
from collections.abc import Callable, Sequence
from html import escape

from benchmarks.servers import SERVICE, title_of
from benchmarks.targets import Samples

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 13px }
  .quiet { fill: #57606a }
  .peer { fill: #8c959f }
  .ours { fill: #1a7f64 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .peer { fill: #656d76 }
    .ours { fill: #3fb999 }
    .grid { stroke: #3d444d }
  }
"""
Place = Callable[[int, float], tuple[float, float]]
COLOURS = ("#1a7f64", "#b35900", "#8250df", "#0969da", "#bf3989", "#6e7781")
BAR, GAP, LABEL, WIDTH, HEAD, LINE = 16, 6, 215, 405, 30, 15
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 520, 300, 60


def svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'width="{width}" height="{height}" aria-label="{escape(label)}">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'


def bars(samples: Samples) -> str:
    """One panel for each operation, the cheapest server on top."""
    panels, operations = [], list(samples[SERVICE.name])
    height = HEAD + len(samples) * (BAR + GAP) + GAP
    for number, operation in enumerate(operations):
        costs = {name: each[operation].cpu for name, each in samples.items()}
        x, y = number % 2 * (LABEL + WIDTH), number // 2 * height
        panel = "\n".join([text(LABEL, HEAD - 10, operation, "title"), *rows(costs)])
        panels.append(f'<g transform="translate({x} {y})">{panel}</g>')
    rows_of_panels = math.ceil(len(operations) / 2)
    note = text(LABEL, rows_of_panels * height + 16, "CPU microseconds per request", "quiet")
    width = 2 * (LABEL + WIDTH)
    return svg(width, rows_of_panels * height + 30, [*panels, note], "CPU time per request")


def rows(costs: dict[str, float]) -> list[str]:
    scale, parts = (WIDTH - 70) / max(costs.values()), []
    for place, name in enumerate(sorted(costs, key=lambda name: costs[name])):
        y, length = HEAD + place * (BAR + GAP), costs[name] * scale
        kind = "ours" if name == SERVICE.name else "peer"
        parts += [
            text(LABEL - 8, y + 12, title_of(name), "title" if kind == "ours" else "", "end"),
            f'<rect x="{LABEL}" y="{y}" width="{length:.0f}" height="{BAR}" class="{kind}"/>',
            text(round(LABEL + length + 6), y + 12, f"{costs[name]:,.0f}", "quiet"),
        ]
    return parts


def lines(series: dict[str, dict[int, float]], unit: str) -> str:
    """Figures over row counts, both axes logarithmic; each line carries its name."""
    counts = sorted({count for points in series.values() for count in points})
    top = math.ceil(math.log10(max(max(points.values()) for points in series.values())))
    low = math.floor(math.log10(min(min(points.values()) for points in series.values())))
    first, last = math.log10(counts[0]), math.log10(counts[-1])

    def place(count: int, figure: float) -> tuple[float, float]:
        x = (math.log10(count) - first) / max(last - first, 1)
        y = (math.log10(figure) - low) / max(top - low, 1)
        return MARGIN + x * PLOT_WIDTH, MARGIN / 2 + (1 - y) * PLOT_HEIGHT

    parts = [*grid(counts, range(low, top + 1), place)]
    for points, colour in zip(series.values(), COLOURS, strict=True):
        path = " ".join("{:.0f},{:.0f}".format(*place(*point)) for point in sorted(points.items()))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        )
    parts += names({name: place(*max(points.items())) for name, points in series.items()})
    size = (PLOT_WIDTH + MARGIN + 220, PLOT_HEIGHT + 2 * MARGIN)
    foot = text(MARGIN, size[1] - 14, f"{unit}, over the number of items", "quiet")
    return svg(*size, [*parts, foot], unit)


def names(ends: dict[str, tuple[float, float]]) -> list[str]:
    """Each beside the end of its line, from top to bottom, none over another."""
    parts, above = [], -math.inf
    for name, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        above = max(y + 4, above + LINE)
        parts.append(text(round(x + 8), round(above), name))
    return parts


def grid(counts: Sequence[int], powers: range, place: Place) -> list[str]:
    parts = []
    for power in powers:
        x, y = place(counts[0], 10.0**power)
        parts += [
            f'<path d="M{x:.0f} {y:.0f} h{PLOT_WIDTH}" class="grid"/>',
            text(round(x - 8), round(y + 4), f"{10**power:,g}", "quiet", "end"),
        ]
    for count in counts:
        x, y = place(count, 10.0 ** powers[0])
        parts.append(text(round(x), round(y + 20), f"{count:,}", "quiet", "middle"))
    return parts
