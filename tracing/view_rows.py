"""What the ledger keeps for those who look at a run; no node of the graph reads it again.

The user's rows behind the answers, the prompt files behind the calls, and the place of every text on a map.
"""

from typing import NotRequired

from typing_extensions import TypedDict

from evokd.tracing.rows import Answer, RecordKind

# ----------------------------------------------------------------------------------------------------------- prompts


class PromptRecord(TypedDict):
    """A prompt file of a run."""

    name: str
    version: int
    """As the head of the file gives it."""
    hash: str
    """Of the rendered prompt: the first 16 hex digits of a SHA-256."""
    path: str
    """Such as `base/classification/analyst.md`, or `DOMAIN/prompts/analyst.md` for one that the domain brings."""
    body: str
    """The template, not rendered."""


class PromptSet(TypedDict):
    """The prompts that were in force together."""

    hash: str
    """As in `CallRecord.prompts`."""
    from_cycle: int
    """Cycle in which the run was when they came into force: 0 at its start, later where it was resumed."""
    roles: dict[str, PromptRecord]
    """`analyst`, `generator`, `labeler`, and the questions `profile` and `guide` -> the prompt."""


class PromptHistory(TypedDict):
    """All sets of a run in order; the last one is in force."""

    sets: list[PromptSet]


# ------------------------------------------------------------------------------------------------- rows of the user's


class SplitRow(TypedDict):
    """A labelled row of the user's data."""

    id: str
    """As feedback packets name it: `v1` of validation data, `s1` of the seeds; `t1` of test data."""
    text: str
    gold: Answer


class SplitRecord(TypedDict):
    """The rows of a split in the order of the stored answers, in the record of cycle 0.

    `train` writes the seeds, `gate` validation data, and `publish` test data, which no other node reads.
    """

    rows: list[SplitRow]
    left_out: NotRequired[int]
    """Rows of a split that is too large to be kept; there are no `rows` then."""


def rows_of(split: str) -> RecordKind[SplitRecord]:
    """Name the rows of a split: `seeds`, `validation` or `test`."""
    return RecordKind(f"rows:{split}", SplitRecord)


# ---------------------------------------------------------------------------------------------------- the map of texts


class MapRecord(TypedDict):
    """Places of texts in two dimensions: the untrained student's embedding, projected alike in all cycles.

    `train` writes the user's texts in the record of cycle 0, `curate` the drafts of a cycle, whatever became of them.
    """

    ids: list[str]
    """Of samples; in cycle 0 `seed:s1`, `validation:v1`, and `pool:` with the source of the text."""
    points: list[list[float]]
    """x and y per text, four digits."""
    texts: NotRequired[list[str]]
    """In cycle 0: the beginning of each text."""


class MapBasis(TypedDict):
    """The projection, fitted once in a run on the user's texts."""

    mean: list[float]
    """(features,)"""
    axes: list[list[float]]
    """(2, features): the directions in which the texts differ most."""


MAP = RecordKind[MapRecord]("map", MapRecord)
