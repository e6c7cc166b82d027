"""What pydantic finds wrong, in words for people who have never heard of it."""

_MUST = {
    "string_type": "must be a text; put it in quotes",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be keys with values, such as key: value",
    "model_type": "must be keys with values, such as key: value",
    "missing": "is missing; add it",
}
"""Kind of a fault -> what the value must be."""


def describe_fault(kind: str, message: str) -> str:
    """Word a fault of a value: what it must be, or else what the check itself has said.

    Args:
        kind: pydantic's name of the fault, such as `int_parsing`.
        message: pydantic's message.
    """
    return _MUST.get(kind, message.removeprefix("Value error, "))
