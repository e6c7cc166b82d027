"""The state of the graph: ids, counters and small summaries only; rows live in the ledger."""

from typing import Any

from typing_extensions import TypedDict


class Decision(TypedDict):
    """The decision of `decide`; routers only read it."""

    next: str
    """`analyze` or `publish`."""
    reason: str
    """Why the run stops (see `graph.nodes.decide`), or `go on`."""


class State(TypedDict, total=False):
    """State of a run. A node that writes a field replaces it; nothing is appended."""

    cycle: int
    """Current evolution cycle; 0 is the start on the seeds. Written by `prepare` and `decide`."""
    champion: str | None
    """Student version in force, such as `c002`. Written by `gate`."""
    challenger: str | None
    """Student version just trained, None when there was nothing to train on. Written by `train`."""
    score: float | None
    """Gate metric of the champion, 0 to 1. Written by `gate`."""
    best: float | None
    """Highest gate metric so far. Written by `gate`."""
    stale: int
    """Cycles since `best` rose. Written by `gate`."""
    barren: int
    """Cycles in a row that yielded no sample. Written by `curate` and `human_review`."""
    accepted: int
    """Accepted samples of the whole run. Written by `curate`, `human_review` and `gate`."""
    decision: Decision
    """Written by `decide`."""
    lessons: list[str]
    """Ids of the lessons of this cycle. Written by `analyze`."""
    after_curate: str
    """`human_review`, `review` or `train`. Written by `curate` and `human_review`."""


class LessonState(TypedDict, total=False):
    """State of one lesson; shares no key with `State`, so that parallel lessons never write the same field."""

    lesson: str
    """Lesson id."""
    lesson_cycle: int
    """Evolution cycle of the lesson."""
    student: str | None
    """Student version in force during the lesson."""
    drafted: int
    """Drafts written. Written by `generate`."""


StateUpdate = dict[str, Any]
"""The keys that a node changes."""
