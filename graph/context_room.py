"""Whether the prompts of the first cycles fit into the contexts of the models that read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evokd.graph.endpoints import Endpoint
from evokd.graph.forecast import Forecast
from evokd.graph.setup.plan import Plan

CYCLES = 2
"""Cycles whose prompts are looked at: the Analyst may have no turn in the first."""
MEND = (
    "give the model a longer context ({how}), or shorten the prompts (curriculum.quotas.lesson,"
    " curriculum.label_examples, curriculum.style_examples) or the replies (teacher.max_tokens)"
)


@dataclass(frozen=True)
class Shortage:
    """A model whose context is too short for a prompt and its reply; all lengths in tokens."""

    endpoint: Endpoint
    role: str
    prompt: int
    """The longest prompt of the role, estimated."""
    reply: int
    """The limit of its reply, or what it will probably take."""
    context: int

    def tell(self) -> str:
        """What is too short for what, in one line."""
        needed = f"the longest prompt ({self.role}) takes about {self.prompt:,} tokens and its reply {self.reply:,}"
        if self.endpoint.state.context_is_default:
            return f"{needed}, but unless told otherwise Ollama reads {self.context:,} and cuts off what is before"
        return f"{needed}, but the context of {self.endpoint.settings.model!r} holds {self.context:,}"

    def mend(self) -> str:
        """What to do about it, in one line."""
        how = "vLLM: --max-model-len, llama.cpp: --ctx-size, Ollama: OLLAMA_CONTEXT_LENGTH or num_ctx in a Modelfile"
        if self.endpoint.state.context_is_default:
            how = "OLLAMA_CONTEXT_LENGTH for the server, or num_ctx in a Modelfile"
        return MEND.format(how=how)


def find_shortages(plan: Plan, endpoints: Sequence[Endpoint]) -> Iterator[Shortage]:
    """Find the contexts that are too short for the longest prompt that they will get, one for each endpoint at most.

    Args:
        plan: the planned run.
        endpoints: what its addresses answered; those that tell no context are passed over.
    """
    told = [endpoint for endpoint in endpoints if endpoint.state.context]
    if not told:
        return
    forecast = Forecast(plan)
    cycles = [forecast.cycle(number) for number in range(1, min(CYCLES, plan.settings.stop.cycles) + 1)]
    for endpoint in told:
        context = endpoint.state.context or 0
        needs = []
        for role in endpoint.roles:
            limit = plan.settings.teacher.role(role).max_tokens
            pairs = [pair for calls in cycles for pair in calls[role]]
            needs += [(read + (limit or written), role, read, limit or written) for read, written in pairs]
        total, role, prompt, reply = max(needs, default=(0, "", 0, 0))
        if total > context:
            yield Shortage(endpoint, role, prompt, reply, context)
