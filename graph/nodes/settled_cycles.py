"""Reads what settled cycles have left, each once; a cycle's own nodes alone change its rows."""

from evokd.graph.context import RunContext
from evokd.graph.nodes.training_set import to_examples
from evokd.graph.settled import SettledCycles


def settle(context: RunContext, cycle: int) -> SettledCycles:
    """Give what the cycles before this one have left; only those that came since the last call are read.

    It is for reading: whoever changes it changes it for all.
    """
    settled = context.settled
    if cycle < settled.next_cycle:  # the graph has been sent back
        settled.forget()
    if settled.next_cycle < cycle:
        _add_training(context, settled, cycle)
        _add_counts(context, settled, cycle)
        settled.next_cycle = cycle
    return settled


def _add_training(context: RunContext, settled: SettledCycles, cycle: int) -> None:
    samples = context.ledger.training_samples(settled.next_cycle, cycle)
    for sample, example in zip(samples, to_examples(context, samples), strict=True):
        settled.places[sample.id] = len(settled.examples)
        settled.examples.append(example)
        settled.kinds.append(sample.kind)
        if sample.is_real:
            settled.real.append(sample.id)


def _add_counts(context: RunContext, settled: SettledCycles, cycle: int) -> None:
    ledger, codec, first = context.ledger, context.domain.codec, settled.next_cycle
    settled.accepted.update(ledger.count_kinds(first, cycle))
    settled.tokens.update(ledger.count_tokens(first, cycle))
    drafts, labelled = ledger.count_drafts(first, cycle)
    checked, disputed = ledger.count_checks(first, cycle)
    answers = ledger.real_answers(first, cycle)
    settled.drafts += drafts
    settled.labelled += labelled
    settled.checked += checked
    settled.disputed += disputed
    settled.sources |= ledger.used_sources(first, cycle)
    settled.real_answers += len(answers)
    settled.blank += sum(not codec.labels_in(answer) for answer in answers)
    settled.refused += ledger.refused_texts(first, cycle)
