"""Measures of a learning curve. Pure functions of points (x, y): x is what was spent, y the score, 0 to 1."""

from collections.abc import Sequence
from itertools import pairwise

Points = Sequence[tuple[float, float]]
"""A learning curve, x rising (equal neighbours are allowed), the first x is 0."""


def area(points: Points, limit: float) -> float:
    """Area under a curve from 0 to `limit`, divided by `limit`: the mean score on the way, 0 to 1.

    Trapezoids. After the last point its value is held; a segment that crosses the limit is cut off there.

    Raises:
        ValueError: no points, the first x is not 0, x falls, or the limit is not above 0.
    """
    _check(points)
    if limit <= 0:
        raise ValueError(f"the limit must be above 0, got {limit}")
    total = 0.0
    for (x0, y0), (x1, y1) in pairwise([*points, (max(limit, points[-1][0]), points[-1][1])]):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        total += (x1 - x0) * (y0 + y1) / 2
    return total / limit


def value_at(points: Points, x: float) -> float:
    """The score after spending `x`: linear between points, held after the last one.

    Raises:
        ValueError: as `area`.
    """
    _check(points)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x < x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1] if x >= points[-1][0] else points[0][1]


def reach(points: Points, goal: float) -> float | None:
    """What was spent when the curve first reached a score, linear between points; None: it never did.

    Raises:
        ValueError: as `area`.
    """
    _check(points)
    if points[0][1] >= goal:
        return points[0][0]
    for (x0, y0), (x1, y1) in pairwise(points):
        if y1 >= goal:
            return x0 + (x1 - x0) * (goal - y0) / (y1 - y0)
    return None


def _check(points: Points) -> None:
    if not points or points[0][0] != 0:
        raise ValueError("a learning curve begins at 0")
    if any(x1 < x0 for (x0, _), (x1, _) in pairwise(points)):
        raise ValueError("what a learning curve has spent cannot fall")


def median_reach(reached: Sequence[float | None]) -> float | None:
    """Median of what was spent. A curve that never got there counts as infinite; None: the median is infinite."""
    ordered = sorted(float("inf") if value is None else value for value in reached)
    middle = len(ordered) // 2
    value = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return None if value == float("inf") else value
