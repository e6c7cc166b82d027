"""The tasks by their names: the only place that compares them."""

from collections.abc import Sequence
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

_CodecType = type[ClassificationCodec] | type[EntityCodec] | type[MultiLabelCodec]
_CODECS: dict[str, _CodecType] = {
    "classification": ClassificationCodec,
    "ner": EntityCodec,
    "multilabel": MultiLabelCodec,
}
_LEAST_LABELS: dict[_CodecType, int] = {ClassificationCodec: 2, EntityCodec: 1, MultiLabelCodec: 1}


def codec(task: str, labels: Sequence[str]) -> TaskCodec:
    """Make the codec of a task.

    Raises:
        InputError: the task is not known, or the labels are unusable.
    """
    kind = _find(task)
    least = _LEAST_LABELS[kind]
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
    return kind(tuple(labels))


def name_pipeline(task: str) -> str:
    """What the model hub calls a task.

    Raises:
        InputError: the task is not known.
    """
    return _find(task).pipeline


def _find(task: str) -> _CodecType:
    if task not in _CODECS:
        raise InputError(f"unknown task {task!r}{suggest(task, list(_CODECS))}; known tasks: {', '.join(_CODECS)}")
    return _CODECS[task]


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
