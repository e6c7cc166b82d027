"""Who used what: tables of the agents' calls, tokens, seconds and money, and of the seconds of the nodes."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from evokd.api.record import AgentUse, find_slowest
from evokd.cli.markup import literal
from evokd.cli.views.layout import count, print_table, say

_BAR = 20
"""Characters of the longest bar."""
_AGENTS = ("agent", "calls", "tokens", "seconds", "USD", "faults")
_SLOWEST = "<- slowest"


def show_agents(console: Console, agents: Sequence[AgentUse]) -> None:
    """Print what each agent used, and all of them together."""
    if not agents:
        return
    rows = [_agent_row(agent) for agent in agents]
    if len(agents) > 1:
        rows.append(_agent_row(_add_up(agents)))
    print_table(console, _AGENTS, rows)
    refused = sum(agent.refused for agent in agents)
    if refused:
        say(console, f"[yellow]{refused} more attempts brought no reply; they cost nothing.[/]", 2)


def _agent_row(agent: AgentUse) -> list[str]:
    about = "~" if agent.estimated else ""
    cost = "unknown" if agent.cost_usd is None else f"{agent.cost_usd:.4f}"
    share = "-" if agent.fault_share is None else f"{agent.faults} ({agent.fault_share:.0%})"
    faults = f"[yellow]{share}[/]" if agent.faults else share
    return [literal(agent.role), f"{agent.calls:,}", f"{about}{agent.tokens:,}", f"{agent.seconds:,.1f}", cost, faults]


def _add_up(agents: Sequence[AgentUse]) -> AgentUse:
    costs = [agent.cost_usd for agent in agents if agent.calls]
    return AgentUse(
        "together",
        calls=sum(agent.calls for agent in agents),
        input_tokens=sum(agent.input_tokens for agent in agents),
        output_tokens=sum(agent.output_tokens for agent in agents),
        estimated=any(agent.estimated for agent in agents),
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        seconds=sum(agent.seconds for agent in agents),
        faults=sum(agent.faults for agent in agents),
    )


def tell_agents(agents: Sequence[AgentUse]) -> str:
    """Write in one line what each agent used."""
    parts = []
    for agent in agents:
        about = "about " if agent.estimated else ""
        faults = f", [yellow]{count(agent.faults, 'fault')}[/]" if agent.faults else ""
        calls = count(agent.calls, "call")
        parts.append(f"{literal(agent.role)} {calls}, {about}{agent.tokens:,} tokens in {agent.seconds:,.0f} s{faults}")
    return "; ".join(parts)


def tell_nodes(seconds: Mapping[str, float]) -> str:
    """Write the seconds of the nodes of a cycle in a line; the slowest is marked by a word."""
    slowest = find_slowest(seconds)
    parts = []
    for node, spent in seconds.items():
        if node == slowest:
            parts.append(f"[bold]{literal(node)} {spent:,.0f} s (slowest)[/]")
        elif spent >= 1:
            parts.append(f"{literal(node)} {spent:,.0f} s")
    return ", ".join(parts)


def show_nodes(console: Console, seconds: Mapping[str, float]) -> None:
    """Print the seconds of the nodes of a run as a table with bars."""
    slowest = find_slowest(seconds)
    if slowest is None:
        return
    longest = max(seconds[slowest], 1e-9)
    has_room = console.width >= 36 + _BAR
    rows = []
    for node, spent in seconds.items():
        mark = f" {_SLOWEST}" if node == slowest else ""
        bar = "#" * round(spent / longest * _BAR) if has_room else ""
        rows.append([literal(node), f"{spent:,.1f}", f"{bar}{mark}"])
    print_table(console, ("node", "wall seconds", ""), rows, texts=("",))
