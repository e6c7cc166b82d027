"""Pictures of learning curves, as SVG and PNG. They need the extra `report` (altair, vl-convert-python)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Curve = Sequence[tuple[float, float]]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A6D00", "#808080")
"""Told apart by people who see few colours (Okabe and Ito); the yellow is one that shows on white, grey was added."""
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 1], [10, 2, 2, 2], [3, 5])
"""A second sign beside the colour."""
KINDS = (".svg", ".png")
"""Endings of the files of a picture."""
STEPS = 80
"""Places along the x axis at which curves are averaged."""
HINT = "pictures need two more packages; get them with: pip install 'evokd[report]'"


@dataclass(frozen=True)
class Sheet:
    """One picture: the curves of several columns."""

    name: str
    """Of the file, without its ending."""
    title: str
    subtitle: Sequence[str]
    x: str
    """Title of the x axis, with its unit."""
    y: str
    limit: float
    """Where the x axis ends."""
    curves: Mapping[str, Sequence[Curve]]
    """Column -> a curve per seed."""
    line: float | None = None
    """Score drawn across, such as the full-shot one."""
    line_name: str = "full-shot"


def can_draw() -> bool:
    """Whether the packages are there."""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def average(curves: Sequence[Curve], limit: float) -> list[dict[str, float]]:
    """Mean, lowest and highest of curves at equal places, from where all have begun to where the longest one ends.

    A shorter curve keeps its last value up to there.

    Args:
        curves: a curve per seed, points (x, y), x rising.
        limit: where it ends at the latest, in the unit of x, above 0.
    """
    grid = np.linspace(
        max(curve[0][0] for curve in curves), min(limit, max(curve[-1][0] for curve in curves)), STEPS + 1
    )
    values = np.array(
        [np.interp(grid, [x for x, _ in curve], [y for _, y in curve]) for curve in curves]
    )  # (seeds, places)
    return [
        {"x": float(x), "mean": float(column.mean()), "low": float(column.min()), "high": float(column.max())}
        for x, column in zip(grid, values.T, strict=True)
    ]


def draw(sheet: Sheet, folder: Path) -> list[Path]:
    """Draw a sheet as SVG and PNG; returns the files. Call it only where `can_draw`."""
    folder.mkdir(parents=True, exist_ok=True)
    chart = make_chart(sheet)
    paths = [folder / f"{sheet.name}{kind}" for kind in KINDS]
    for path in paths:
        chart.save(str(path), scale_factor=2.0 if path.suffix == ".png" else 1.0)
    return paths


def make_chart(sheet: Sheet) -> Any:
    """Make the Altair chart: a mean line per column, a band from the lowest to the highest seed."""
    import altair as alt

    names = list(sheet.curves)
    places = {name: average(curves, sheet.limit) for name, curves in sheet.curves.items()}
    rows = [{"column": name, **place} for name, each in places.items() for place in each]
    colours = alt.Scale(domain=names, range=[COLOURS[at % len(COLOURS)] for at in range(len(names))])
    dashes = alt.Scale(domain=names, range=[DASHES[at % len(DASHES)] for at in range(len(names))])
    legend = alt.Legend(
        symbolType="stroke",
        symbolOpacity=1,
        symbolStrokeWidth=2.5,
        symbolSize=500,
        labelFontSize=12,
        labelLimit=240,
    )
    x = alt.X("x:Q", title=sheet.x, scale=alt.Scale(domain=[0, sheet.limit], nice=False))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x)
    layers = [
        base.mark_area(opacity=0.13 if len(names) < 5 else 0.05).encode(
            y=alt.Y("low:Q", title=sheet.y, scale=alt.Scale(zero=False)),
            y2="high:Q",
            color=alt.Color("column:N", title=None, scale=colours, sort=names, legend=legend),
        ),
        base.mark_line(strokeWidth=2.2).encode(
            y=alt.Y("mean:Q"),
            color=alt.Color("column:N", title=None, scale=colours, sort=names, legend=legend),
            strokeDash=alt.StrokeDash("column:N", title=None, scale=dashes, sort=names, legend=legend),
        ),
    ]
    dots = [{"column": name, **each[0]} for name, each in places.items() if each[0]["x"] == each[-1]["x"]]
    if dots:  # a curve of one place, such as that of a loop that never asked
        dot = alt.Chart(alt.InlineData(values=dots)).mark_point(filled=True, opacity=1, size=50)
        layers.append(dot.encode(x=x, y=alt.Y("mean:Q"), color=alt.Color("column:N", title=None, scale=colours)))
    if sheet.line is not None:
        across = alt.Chart(alt.InlineData(values=[{"y": sheet.line, "name": f"{sheet.line_name} {sheet.line:.3f}"}]))
        layers.append(across.mark_rule(color="#555555", strokeDash=[1, 3]).encode(y="y:Q"))
        text = across.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color="#555555", fontSize=11)
        named = text.encode(x=alt.value(0), y="y:Q", text="name:N")
        halo = named.encode(stroke=alt.value("white"), strokeWidth=alt.value(4))  # curves may run where it stands
        layers += [halo, named]
    title = alt.TitleParams(sheet.title, subtitle=[*sheet.subtitle], anchor="start", fontSize=14, subtitleFontSize=11)
    chart = alt.layer(*layers).properties(width=460, height=300, title=title)
    return chart.configure_axis(labelFontSize=11, titleFontSize=12).configure_view(stroke=None)
