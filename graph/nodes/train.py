"""The node that trains a challenger."""

from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.self_training import is_used, train_twice
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.split_rows import store_rows
from evokd.graph.nodes.training_run import Material, make_job, make_record, run_training
from evokd.graph.nodes.training_set import seed_examples, to_examples
from evokd.graph.state import State, StateUpdate
from evokd.student.process.client import TrainExample
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import REVIEW, TRAINING


async def train(state: State, context: RunContext) -> StateUpdate:
    """Train a challenger: on the seeds in cycle 0, later on the cycle's samples (and older ones)."""
    cycle = state["cycle"]
    fresh = context.ledger.samples(cycle=cycle, state="accepted", purpose="train") if cycle else []
    if cycle and not fresh:
        return {"challenger": None}
    examples, replay, start = _choose_material(state, context, fresh)
    name = cycle_name(cycle)
    material, seed = Material(examples, replay, start), context.seed(cycle, "train")
    if cycle and is_used(context, material):
        result = await train_twice(context, cycle, name, material, seed)
    else:
        result = await run_training(context, cycle, make_job(context, name, material, seed))
    context.ledger.put_cycle_record(cycle, TRAINING, make_record(result))
    if not cycle:
        store_rows(context, "seeds")
    return {"challenger": name}


def _choose_material(
    state: State, context: RunContext, fresh: list[Sample]
) -> tuple[list[TrainExample], list[TrainExample], str | None]:
    """New examples, older ones that may be used again, and the folder to continue from."""
    seeds = seed_examples(context)
    if not state["cycle"]:
        return seeds, [], None
    news = to_examples(context, fresh)
    older = settle(context, state["cycle"])
    champion = state["champion"]
    if context.settings.student.regime == "base" or champion is None:
        return [*seeds, *older.examples, *news], [], None
    review = context.ledger.cycle_record(state["cycle"], REVIEW) or {"samples": []}
    replay = [older.examples[older.places[name]] for name in review["samples"] if name in older.places]
    return news, [*seeds, *replay], str(context.folder.version(champion))
