"""Where templates of prompts are rendered: a sandbox that also ends soon and writes little.

A domain may come from anywhere, its prompts with it. jinja2's own sandbox keeps a template from what is not its
business, but not from loops without end, from texts of gigabytes, nor from numbers that take hours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_STEPS = 50_000
"""Passes through all loops of a template."""
MAX_LENGTH = 1_000_000
"""Characters of a rendered prompt, and of any text on the way to it."""
MAX_NUMBER = 10**9
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Expr, nodes.Helper)
_REFUSED = (nodes.Pow, nodes.Concat, nodes.MarkSafe)
_FILTERS = frozenset(
    {"capitalize", "count", "d", "default", "dictsort", "first", "int", "items", "join", "last", "length", "list"}
    | {"lower", "reverse", "sort", "string", "title", "tojson", "trim", "unique", "upper"}
)
_METHODS = frozenset({"endswith", "get", "items", "keys", "lower", "startswith", "strip", "title", "upper", "values"})
_STEPS = "_steps_left"


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox; arithmetic goes through it."""

    intercepted_binops = frozenset({"+", "*", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers of a sensible size, and put short texts together."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _check_length(left + right)
        if not all(isinstance(value, int | float) and abs(value) <= MAX_NUMBER for value in (left, right)):
            raise SecurityError(f"{operator!r} takes two numbers, neither of them huge")
        return super().call_binop(context, operator, left, right)


ENVIRONMENT = PromptEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
)


def parse(body: str) -> nodes.Template:
    """Read a template; nothing of it is worked out before it is known to be harmless (jinja2 does so with constants).

    Raises:
        TemplateSyntaxError: it is none, or uses what a prompt may not use.
    """
    template = ENVIRONMENT.parse(body)
    _check(template)
    return template


def render(body: str, values: Mapping[str, Any]) -> str:
    """Fill a template in.

    Raises:
        TemplateError: as above, or it does not come to an end soon; what it does may raise other errors.
    """
    template = parse(body)
    for loop in list(template.find_all(nodes.For)):
        steps = nodes.Name(_STEPS, "load")
        loop.iter = nodes.Filter(loop.iter, "counted", [steps], [], None, None).set_environment(ENVIRONMENT)
    parts: list[str] = []
    left = MAX_LENGTH
    for part in ENVIRONMENT.from_string(template).generate({**values, _STEPS: [MAX_STEPS]}):
        left -= len(part)
        if left < 0:
            raise SecurityError(f"it writes more than {MAX_LENGTH:,} characters")
        parts.append(part)
    return "".join(parts)


def _check(node: nodes.Node) -> None:
    """Refuse what is not on the lists, before jinja2 compiles and works out what is constant."""
    for child in node.iter_child_nodes():
        _check(child)
    kind = type(node).__name__.lower()
    told = None
    if not isinstance(node, _ALLOWED) or isinstance(node, _REFUSED):
        told = f"{kind!r} is of no use in a prompt"
    elif isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        told = f"No filter named {node.name!r}; a prompt may use: {', '.join(sorted(_FILTERS))}"
    elif isinstance(node, nodes.Filter) and node.name == "tojson" and (node.args or node.kwargs):
        told = "the filter 'tojson' takes nothing in brackets"
    elif isinstance(node, nodes.Call) and not _is_allowed(node.node):
        told = f"a prompt may call range() and these methods of a value alone: {', '.join(sorted(_METHODS))}"
    if told:
        raise TemplateSyntaxError(told, node.lineno)


def _is_allowed(called: nodes.Expr) -> bool:
    if isinstance(called, nodes.Getattr):
        return called.attr in _METHODS
    return isinstance(called, nodes.Name) and called.name == "range"


def _check_length(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise SecurityError(f"a text of more than {MAX_LENGTH:,} characters")
    return text


def _count(items: Iterable[Any], left: list[int]) -> Iterator[Any]:
    for item in items:
        left[0] -= 1
        if left[0] < 0:
            raise SecurityError(f"its loops take more than {MAX_STEPS:,} passes")
        yield item


def _join(items: Iterable[Any], between: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise SecurityError("join takes no attribute")
    texts = [str(item) for item in _count(items, [MAX_STEPS])]
    if sum(map(len, texts)) + len(texts) * len(str(between)) > MAX_LENGTH:
        raise SecurityError(f"a text of more than {MAX_LENGTH:,} characters")
    return str(between).join(texts)


_OWN: dict[str, Callable[..., Any]] = {"counted": _count, "join": _join}
ENVIRONMENT.filters.update(_OWN)
