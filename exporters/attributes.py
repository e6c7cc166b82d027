"""What a span says about a run, a cycle, a lesson, a node or a call.

Without content nothing is said that a model or a user wrote: figures and ids are left.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from evokd.exporters import names
from evokd.messages import BY_BATCH, CallRecord
from evokd.messages.escape import clean
from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.rows import GateRecord, LessonRow, Usage, WeaknessRow

Value = str | bool | int | float | Sequence[str]
Attributes = dict[str, Value]

LIMIT = 100_000
"""Characters of a text at most: receivers refuse requests that are too large."""
_PLAIN_WORDS = frozenset(
    {"again", "kind", "lesson", "metric", "mode", "next", "node", "preset", "role", "state", "status", "task", "tested"}
)
"""Fields of events whose words are ours, so that they are told without content as well."""
_AGENTS = {"analyze": "analyst", "generate": "generator", "label": "labeler"}


def cut(text: str) -> str:
    """Make a text fit for a receiver: valid Unicode, `LIMIT` characters at most."""
    valid = text.encode("utf-8", "replace").decode("utf-8")
    return valid if len(valid) <= LIMIT else f"{valid[:LIMIT]}... ({len(valid) - LIMIT} characters were left out)"


def to_json(value: object) -> str:
    """Write a value as JSON."""
    return cut(json.dumps(value, ensure_ascii=False))


def flatten(fields: Mapping[str, Any], content: bool) -> Attributes:
    """Turn the fields of an event into attributes; lists and mappings become JSON, None is left out."""
    found: Attributes = {}
    for key, value in fields.items():
        if isinstance(value, bool | int | float):
            found[names.own(key)] = value
        elif isinstance(value, str) and (content or key in _PLAIN_WORDS):
            found[names.own(key)] = cut(value)
        elif value is not None and content:
            found[names.own(key)] = to_json(value)
    return found


# ---------------------------------------------------------------------------------------------------------- calls


def list_repairs(call: CallRecord) -> list[str]:
    """What had to be mended in a reply; that it came by batch is no repair."""
    return [flag for flag in call.flags if flag != BY_BATCH]


def describe_call(call: CallRecord, content: bool) -> Attributes:
    """Describe one attempt at a call of the teacher."""
    parameters = {key: value for key, value in _mapping(call.request.get("parameters")).items() if value is not None}
    found: Attributes = {
        names.KIND: names.LLM,
        names.OPERATION: names.CHAT,
        names.PROVIDER: name_provider(call.endpoint),
        names.AGENT: call.role,
        names.REQUEST_MODEL: call.model,
        names.MODEL: call.model,
        names.INPUT_TOKENS: call.input_tokens,
        names.OUTPUT_TOKENS: call.output_tokens,
        names.PROMPT_TOKENS: call.input_tokens,
        names.COMPLETION_TOKENS: call.output_tokens,
        names.TOTAL_TOKENS: call.input_tokens + call.output_tokens,
        names.TEMPLATE_VERSION: call.prompts,
        names.INVOCATION: to_json(parameters),
        names.own("call"): call.id,
        names.own("cycle"): call.cycle,
        names.own("attempt"): call.attempt,
        names.own("status"): call.status,
        names.own("response_format"): call.ability,
        names.own("tokens_estimated"): call.estimated,
    }
    for key, name in (
        ("seed", names.REQUEST_SEED),
        ("temperature", names.REQUEST_TEMPERATURE),
        ("max_tokens", names.REQUEST_MAX_TOKENS),
    ):
        if isinstance(value := parameters.get(key), int | float):
            found[name] = value
    if call.cost_usd is not None:
        found[names.COST] = call.cost_usd
    if repairs := list_repairs(call):
        found[names.own("repairs")] = repairs
    return {**found, **_describe_texts(call)} if content else found


def name_provider(endpoint: str) -> str:
    """Name who answered: `openai`, a stand-in of ours, or any other server that talks as OpenAI does."""
    host = urlsplit(endpoint).hostname
    if host is None:
        return clean(endpoint, 40) or "unknown"
    return "openai" if host == "api.openai.com" else "openai_compatible"


def _describe_texts(call: CallRecord) -> Attributes:
    turns = [(str(turn[0]), str(turn[1])) for turn in call.request.get("turns") or () if len(turn) == 2]
    found: Attributes = {}
    for number, (role, text) in enumerate(turns):
        found[names.input_message(number, "role")] = role
        found[names.input_message(number, "content")] = cut(text)
    sent = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in turns if role != "system"]
    found[names.INPUT_MESSAGES] = _to_short_json(sent)
    rules = [{"type": "text", "content": text} for role, text in turns if role == "system"]
    found[names.SYSTEM_INSTRUCTIONS] = _to_short_json(rules)
    if turns:
        found[names.INPUT] = cut(turns[-1][1])
        found[names.INPUT_TYPE] = "text/plain"
    if call.raw and call.status != "error":
        reply = {"role": "assistant", "parts": [{"type": "text", "content": call.raw}], "finish_reason": "stop"}
        found[names.OUTPUT_MESSAGES] = _to_short_json([reply])
        found[names.output_message(0, "role")] = "assistant"
        found[names.output_message(0, "content")] = cut(call.raw)
        found[names.OUTPUT] = cut(call.raw)
        found[names.OUTPUT_TYPE] = "text/plain"
    return found


def _to_short_json(messages: list[dict[str, Any]]) -> str:
    """Write messages as JSON that stays valid: it is the texts in it that are cut."""
    for message in messages:
        for part in message.get("parts", [message]):
            part["content"] = cut(part["content"])
    return json.dumps(messages, ensure_ascii=False)


def find_fault(call: CallRecord, content: bool) -> str | None:
    """Say why a call brought nothing; None if it was used as it came."""
    if call.status == "ok":
        return None
    said = "; ".join(call.faults) or call.raw
    return f"{call.status}: {clean(said, 500)}" if content and said else call.status


# ------------------------------------------------------------------------------------- runs, cycles, lessons, nodes


def describe_node(node: str) -> Attributes:
    """Describe a node: the work of an agent, a measurement, or a step."""
    agent = _AGENTS.get(node)
    if agent is not None:
        return {
            names.KIND: names.AGENT_KIND,
            names.OPERATION: names.INVOKE_AGENT,
            names.AGENT: agent,
            names.own("node"): node,
        }
    return {names.KIND: names.EVALUATOR if node == "gate" else names.CHAIN, names.own("node"): node}


def describe_gate(gate: GateRecord, metric: str) -> Attributes:
    """Describe a decision of the gate as an evaluation; its label says what became of the trained student."""
    found: Attributes = {
        names.EVALUATION_NAME: metric,
        names.EVALUATION_LABEL: name_outcome(gate),
    }
    if gate["after"] is not None:
        found[names.EVALUATION_SCORE] = gate["after"]
    if gate["before"] is not None:
        found[names.own("gate.before")] = gate["before"]
    return found


def describe_usage(usage: Usage) -> Attributes:
    """Sum up calls, under names that no receiver adds to the tokens of the calls themselves."""
    found: Attributes = {names.own(f"usage.{key}"): usage[key] for key in ("calls", "input_tokens", "output_tokens")}
    if usage["cost_usd"] is not None:
        found[names.own("usage.cost_usd")] = usage["cost_usd"]
    return found


def describe_lesson(lesson: LessonRow, content: bool) -> Attributes:
    """Describe a lesson: what it was about and what came of it."""
    found: Attributes = {
        names.KIND: names.CHAIN,
        names.own("lesson"): lesson["id"],
        names.own("kind"): lesson["kind"],
        names.own("drafts"): lesson["drafts"],
        names.own("labelled"): lesson["labelled"],
    }
    if lesson["weakness"] is not None:
        found[names.own("weakness")] = lesson["weakness"]
    if mode := lesson["plan"].get("mode"):
        found[names.own("mode")] = mode
    if content:
        found[names.INPUT] = to_json(lesson["plan"])
        found[names.INPUT_TYPE] = "application/json"
    return found


def describe_weaknesses(rows: Iterable[WeaknessRow], content: bool) -> Attributes:
    """Describe the weaknesses that were named in a cycle."""
    listed = list(rows)
    if not listed:
        return {}
    found: Attributes = {
        names.own("weaknesses"): [row["id"] for row in listed],
        names.own("weaknesses.states"): [row["state"] for row in listed],
    }
    if content:
        keys = ("id", "name", "pattern", "labels", "advice", "state", "effect")
        found[names.own("weaknesses.details")] = to_json([{key: row.get(key) for key in keys} for row in listed])
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
