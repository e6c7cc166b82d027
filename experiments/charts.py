"""Pictures of learning curves, as SVG and PNG. They need the extra `report` (altair, vl-convert-python)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Curve = Sequence[tuple[float, float]]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A6D00", "#808080")
"""Safe for colour-blind readers (Okabe and Ito), with a yellow that shows on white, and grey added."""
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 1], [10, 2, 2, 2], [3, 5])
"""Dash patterns, so that colour is not the only difference between lines."""
KINDS = (".svg", ".png")
"""File name endings of a picture."""
STEPS = 80
"""Steps of the grid along the x axis on which curves are averaged."""
HINT = "pictures need two more packages; get them with: pip install 'evokd[report]'"


@dataclass(frozen=True)
class ChartData:
    """What one chart shows: the curves of several arms."""

    name: str
    """Name of the file, without its ending."""
    title: str
    subtitle: Sequence[str]
    x: str
    """Title of the x axis, with its unit."""
    y: str
    limit: float
    """Where the x axis ends."""
    curves: Mapping[str, Sequence[Curve]]
    """Arm -> a curve per seed."""
    line: float | None = None
    """Score drawn as a horizontal line, such as the full-shot one."""
    line_name: str = "full-shot"


def can_draw() -> bool:
    """Whether the packages are installed."""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def average(curves: Sequence[Curve], limit: float) -> list[dict[str, float]]:
    """Mean, lowest and highest of curves on a grid, from where all have begun to where the longest one ends.

    A shorter curve is extended with its last value.

    Args:
        curves: a curve per seed, points (x, y), x rising.
        limit: the grid ends here at the latest, in the unit of x, above 0.
    """
    first = max(curve[0][0] for curve in curves)
    last = min(limit, max(curve[-1][0] for curve in curves))
    grid = np.linspace(first, last, STEPS + 1)
    rows = []
    for curve in curves:
        xs, ys = zip(*curve, strict=True)
        rows.append(np.interp(grid, xs, ys))
    values = np.array(rows)  # (seeds, grid points)
    return [
        {"x": float(x), "mean": float(scores.mean()), "low": float(scores.min()), "high": float(scores.max())}
        for x, scores in zip(grid, values.T, strict=True)
    ]


def draw(data: ChartData, folder: Path) -> list[Path]:
    """Draw a chart as SVG and PNG; returns the files. Call it only where `can_draw`."""
    folder.mkdir(parents=True, exist_ok=True)
    chart = make_chart(data)
    paths = [folder / f"{data.name}{kind}" for kind in KINDS]
    for path in paths:
        chart.save(str(path), scale_factor=2.0 if path.suffix == ".png" else 1.0)
    return paths


def make_chart(data: ChartData) -> Any:
    """Make the Altair chart: a mean line per arm, a band from the lowest to the highest seed."""
    import altair as alt

    averages = {arm: average(curves, data.limit) for arm, curves in data.curves.items()}
    layers = _curve_layers(data, averages)
    if data.line is not None:
        layers += _line_layers(data.line, data.line_name)
    title = alt.TitleParams(data.title, subtitle=[*data.subtitle], anchor="start", fontSize=14, subtitleFontSize=11)
    chart = alt.layer(*layers).properties(width=460, height=300, title=title)
    return chart.configure_axis(labelFontSize=11, titleFontSize=12).configure_view(stroke=None)


def _curve_layers(data: ChartData, averages: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Any]:
    """A band and a line per arm, and a dot where a curve has a single x, such as that of a loop that never asked."""
    import altair as alt

    arms = list(averages)
    rows = [{"arm": arm, **point} for arm, points in averages.items() for point in points]
    dots = [{"arm": arm, **points[0]} for arm, points in averages.items() if points[0]["x"] == points[-1]["x"]]
    colours = alt.Scale(domain=arms, range=_repeat(COLOURS, len(arms)))
    dashes = alt.Scale(domain=arms, range=_repeat(DASHES, len(arms)))
    legend = alt.Legend(
        symbolType="stroke",
        symbolOpacity=1,
        symbolStrokeWidth=2.5,
        symbolSize=500,
        labelFontSize=12,
        labelLimit=240,
    )
    x = alt.X("x:Q", title=data.x, scale=alt.Scale(domain=[0, data.limit], nice=False))
    low = alt.Y("low:Q", title=data.y, scale=alt.Scale(zero=False))
    mean = alt.Y("mean:Q")
    colour = alt.Color("arm:N", title=None, scale=colours, sort=arms, legend=legend)
    dash = alt.StrokeDash("arm:N", title=None, scale=dashes, sort=arms, legend=legend)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x)
    opacity = 0.13 if len(arms) < 5 else 0.05
    layers = [
        base.mark_area(opacity=opacity).encode(y=low, y2="high:Q", color=colour),
        base.mark_line(strokeWidth=2.2).encode(y=mean, color=colour, strokeDash=dash),
    ]
    if dots:
        dot = alt.Chart(alt.InlineData(values=dots)).mark_point(filled=True, opacity=1, size=50)
        layers.append(dot.encode(x=x, y=mean, color=alt.Color("arm:N", title=None, scale=colours)))
    return layers


def _line_layers(score: float, name: str) -> list[Any]:
    """A horizontal line at a score, with its name on a white halo, since curves may run behind the text."""
    import altair as alt

    base = alt.Chart(alt.InlineData(values=[{"y": score, "name": f"{name} {score:.3f}"}]))
    line = base.mark_rule(color="#555555", strokeDash=[1, 3]).encode(y="y:Q")
    text = base.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color="#555555", fontSize=11)
    label = text.encode(x=alt.value(0), y="y:Q", text="name:N")
    halo = label.encode(stroke=alt.value("white"), strokeWidth=alt.value(4))
    return [line, halo, label]


def _repeat(values: Sequence[Any], count: int) -> list[Any]:
    """The first `count` values, starting over at the end."""
    return [values[number % len(values)] for number in range(count)]
