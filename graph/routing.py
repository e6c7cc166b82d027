"""Routers: each reads one field that a node has stored and cannot raise.

A conditional edge that raises makes a resumed run end as if it had succeeded (langgraph #8834), so nothing is
decided here.
"""

from collections.abc import Sequence
from typing import Literal

from langgraph.types import Send

from evokd.graph.state import State


def after_decide(state: State) -> Literal["analyze", "publish"]:
    """Follow the stored decision."""
    return "publish" if state["decision"]["next"] == "publish" else "analyze"


def to_lessons(state: State) -> Sequence[Send] | Literal["curate"]:
    """Start every lesson of the cycle in parallel; without lessons, go straight to curation."""
    common = {"lesson_cycle": state["cycle"], "student": state["champion"]}
    return [Send("lesson", {"lesson": name, **common}) for name in state["lessons"]] or "curate"


def after_curate(state: State) -> Literal["human_review", "review", "train"]:
    """Follow what `curate` has stored, or `human_review` after it."""
    stored = state["after_curate"]
    if stored == "human_review":
        return "human_review"
    return "review" if stored == "review" else "train"
