"""How a request asks for structured output."""

from typing import Any

OUTPUT_MODES = ("json_schema", "json_object_schema", "json_object", "plain")
"""Structured-output modes; each is the fallback of the one before."""


def response_format(output_mode: str, schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The `response_format` of a request in a structured-output mode; None for plain text."""
    match output_mode:
        case "json_schema":
            return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
        case "json_object_schema":
            return {"type": "json_object", "schema": schema}
        case "json_object":
            return {"type": "json_object"}
        case _:
            return None
