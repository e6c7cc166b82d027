"""The jinja2 sandbox in which prompt templates are rendered, with limits on time and memory.

A domain may come from anywhere, and its prompts with it. The sandbox of jinja2 shields Python's internals, but it stops
neither endless loops nor texts of gigabytes. So a prompt may use `if`, `for` (but no `for` inside another), and the
filters and methods listed here; nothing that multiplies, and no global function.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import htmlsafe_json_dumps

MAX_LENGTH = 1_000_000
"""Characters of a rendered prompt, and of the result of each filter."""
_SYNTAX = (nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Expr, nodes.Helper)
_MULTIPLYING = (nodes.Mul, nodes.Mod, nodes.Pow)
"""Operators that make a huge text or number out of a short template; `%` also formats texts."""
_FILTERS = (
    *("capitalize", "count", "d", "default", "dictsort", "first", "int", "items", "join", "last", "length", "list"),
    *("lower", "reverse", "sort", "string", "title", "tojson", "trim", "unique", "upper"),
)
_METHODS = ("endswith", "get", "items", "keys", "lower", "startswith", "strip", "title", "upper", "values")


def parse(body: str) -> nodes.Template:
    """Parse a template and check its syntax.

    jinja2 evaluates constant expressions when it compiles, so the check comes before that.

    Raises:
        TemplateSyntaxError: the template is malformed, or uses what a prompt may not use.
    """
    template = ENVIRONMENT.parse(body)
    for node in template.find_all(nodes.Node):
        if fault := _find_fault(node):
            raise TemplateSyntaxError(fault, node.lineno)
    return template


def render(body: str, values: Mapping[str, Any]) -> str:
    """Fill in a template.

    Raises:
        TemplateError: see `parse`; or the text becomes too long. Expressions of the template may raise other errors.
    """
    parts: list[str] = []
    room = MAX_LENGTH
    for part in ENVIRONMENT.from_string(parse(body)).generate(values):
        room -= len(part)
        if room < 0:
            raise SecurityError(f"the prompt is longer than {MAX_LENGTH:,} characters")
        parts.append(part)
    return "".join(parts)


def _find_fault(node: nodes.Node) -> str | None:
    if not isinstance(node, _SYNTAX) or isinstance(node, _MULTIPLYING):
        return f"a prompt may not use {type(node).__name__.lower()!r}"
    if isinstance(node, nodes.For) and node.find(nodes.For):
        return "a prompt may not use a loop inside a loop"
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"No filter named {node.name!r}; a prompt may use: {', '.join(_FILTERS)}"
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS):
        return f"a prompt may call only these methods of a value: {', '.join(_METHODS)}"
    return None


def _limit_length(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter refuse a long result: filters in a row could double a text again and again."""

    @wraps(function)  # also copies the marks by which jinja2 knows what to pass in
    def limited(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, str):
            _check_length(len(result))
        return result

    return limited


def _join(items: Iterable[Any], separator: str = "") -> str:
    texts = [str(item) for item in items]
    _check_length(sum(map(len, texts)) + len(texts) * len(separator))
    return separator.join(texts)


def _to_json(value: Any) -> str:
    return htmlsafe_json_dumps(value, sort_keys=True)


def _check_length(length: int) -> None:
    if length > MAX_LENGTH:
        raise SecurityError(f"a text of the template is longer than {MAX_LENGTH:,} characters")


ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    optimized=False,  # the optimizer takes seconds for a long row of filters
)
ENVIRONMENT.globals.clear()
_LIMITED = {**ENVIRONMENT.filters, "join": _join, "tojson": _to_json}
ENVIRONMENT.filters = {name: _limit_length(_LIMITED[name]) for name in _FILTERS}
