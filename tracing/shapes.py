"""Checks what was read from a file of a run against the type that the rest of the program relies on."""

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


class ShapeError(ValueError):
    """A value is not of the type that it must have; the text names the place and the fault."""


def check_json(text: str | bytes, shape: Any) -> None:
    """Check JSON strictly: no number that is written as text, no key missing. More keys than known may be there.

    Args:
        text: the JSON.
        shape: the type, such as a TypedDict.

    Raises:
        ShapeError: it is not JSON, or not of this type.
    """
    _check(lambda: _adapter(shape).validate_json(text, strict=True))


def check_value(value: Any, shape: Any) -> None:
    """Check a value strictly, as `check_json` does.

    Raises:
        ShapeError: it is not of this type.
    """
    _check(lambda: _adapter(shape).validate_python(value, strict=True))


def make(fields: dict[str, Any], shape: Any) -> Any:
    """Make a dataclass or a model from its fields.

    Raises:
        ShapeError: a field is missing, or is not of its type.
    """
    made: list[Any] = []
    _check(lambda: made.append(_adapter(shape).validate_python(fields)))
    return made[0]


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _check(work: Callable[[], object]) -> None:
    try:
        work()
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ShapeError(f"{place}: {fault['msg']}" if place else fault["msg"]) from exc
