"""The node that measures the weaknesses and makes the next feedback packet."""

from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.evaluation import evaluate_cycle
from evokd.graph.nodes.feedback_packet import build_packet
from evokd.graph.nodes.weaknesses import follow_weaknesses, show_weaknesses
from evokd.graph.state import State, StateUpdate


async def examine(state: State, context: RunContext) -> StateUpdate:
    """Measure what became of the weaknesses, and make the next feedback packet from the student's answers."""
    cycle, champion = state["cycle"], state["champion"]
    evaluation = await evaluate_cycle(context, cycle, champion)
    await follow_weaknesses(context, cycle, evaluation)
    packet = await build_packet(context, cycle, champion, evaluation, show_weaknesses(context))
    context.ledger.put_message(packet.cycle, cycle_name(packet.cycle), "student", "analyst", packet)
    wrong = sum(case.verdict != "right" for case in packet.cases)
    context.emit("examined", cycle=packet.cycle, cases=len(packet.cases), wrong=wrong)
    return {}
