"""What all messages are made of: the errors, the closed model, an entity, an answer."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer

VOCABULARY_KEY = "x-vocabulary"
NO_ENTITY = "O"
"""Label of a mention that is no entity, where a later mention of the same words is one."""


class EvokdError(Exception):
    """An error with a message meant for the user; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class InputError(EvokdError):
    """The user's input is wrong: says what, where and how to mend it."""

    exit_code: ClassVar[int] = 2


class ClosedModel(BaseModel):
    """Base of every model that cannot be changed and refuses unknown keys: messages, settings, jobs."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")  # as `json` writes them


class Message(ClosedModel):
    """Base of every message."""

    omit_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields that are left out where they are empty, so that a task that does not use them does not pay for them."""

    @model_serializer(mode="wrap")
    def _leave_out(self, write: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value or key not in self.omit_empty}


class Entity(Message):
    """A named entity as it is written in a text."""

    text: str = Field(description="the entity exactly as it occurs in the text")
    label: str = Field(description="the entity's type", json_schema_extra={VOCABULARY_KEY: "entity_labels"})


SET_SEPARATOR = ";"
"""What parts the labels of a set where it is one string: in a cell of a table, or as the name of a quota."""
NO_LABEL = "(none)"
"""What stands for no label at all where texts may have any number of them."""
Gold = str | list[str] | list[Entity]
"""An answer: a label for classification, a list of labels for multilabel, a list of entities for NER."""


def list_labels(answer: Any) -> list[str]:
    """Labels of an answer, as JSON or as messages hold it: the one, those of the set, or that of every entity."""
    if isinstance(answer, str):
        return [answer]
    labels = [
        item if isinstance(item, str) else item["label"] if isinstance(item, dict) else item.label for item in answer
    ]
    return [str(label) for label in labels]


def name_set(labels: Iterable[Any]) -> str:
    """Write a set of labels as one string, as quotas and cells of tables do."""
    return SET_SEPARATOR.join(map(str, labels)) or NO_LABEL


def is_label_set(answer: Any) -> bool:
    """Whether an answer is a set of labels that holds any; an empty one cannot be told from a text without entities."""
    return isinstance(answer, list) and bool(answer) and all(isinstance(item, str) for item in answer)


Difficulty = Literal["hard", "easy"]
CaseVerdict = Literal["right", "wrong", "confident_wrong"]
Origin = Literal["real", "written"]
"""Where a text comes from: the user's own data, or the Generator."""


class Example(Message):
    """A text with its right answer."""

    text: str = Field(description="the text")
    gold: Gold = Field(description="the right answer")
