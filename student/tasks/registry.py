"""The tasks by their names: the only place that compares them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evokd.messages import InputError
from evokd.messages.suggest import suggest
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.classification.codec import ClassificationCodec
from evokd.student.tasks.multilabel.codec import MultiLabelCodec
from evokd.student.tasks.ner.codec import EntityCodec
from evokd.student.tasks.spelling import same_form

if TYPE_CHECKING:
    from evokd.student.tasks.network import TaskNetwork


def codec(task: str, labels: Sequence[str]) -> TaskCodec:
    """Make the codec of a task.

    Raises:
        InputError: the task is not known, or the labels are unusable.
    """
    known: dict[str, tuple[Callable[[tuple[str, ...]], TaskCodec], int]] = {
        "classification": (ClassificationCodec, 2),
        "ner": (EntityCodec, 1),
        "multilabel": (MultiLabelCodec, 1),
    }
    if task not in known:
        raise InputError(f"unknown task {task!r}{suggest(task, list(known))}; known tasks: {', '.join(known)}")
    make, least = known[task]
    repeated = sorted({label for label in labels if list(labels).count(label) > 1})
    if repeated:
        raise InputError(f"label {repeated[0]!r} is declared twice; name every label once")
    twins = same_form(labels)
    if twins:
        forms = f"{twins[0]!a} and {twins[1]!a}"
        raise InputError(f"label {twins[1]!r} is declared twice, in two forms that look the same ({forms}); keep one")
    if len(labels) < least:
        wanted = "at least two labels" if least == 2 else "a label"
        raise InputError(f"task {task} needs {wanted}, got {len(labels)}; declare them under `labels`")
    return make(tuple(labels))


def make_network(task: TaskCodec) -> "TaskNetwork":
    """Make the part of a task that needs torch, which is imported here and no earlier."""
    if task.name == "classification":
        from evokd.student.tasks.classification.network import ClassificationNetwork

        return ClassificationNetwork(task.labels)
    if task.name == "multilabel":
        from evokd.student.tasks.multilabel.network import MultiLabelNetwork

        return MultiLabelNetwork(task.labels)
    from evokd.student.tasks.ner.network import TokenClassificationNetwork

    return TokenClassificationNetwork(task.labels)
