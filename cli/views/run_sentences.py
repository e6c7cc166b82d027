"""Sentences about a run, from its summary or its estimate."""

from collections.abc import Mapping
from typing import Any

from evokd.cli.views.layout import count


def describe_gains(summary: Mapping[str, Any]) -> list[str]:
    """Describe the gain of the scores, in a line per split."""
    metric, lines = summary["metric"], []
    for split in ("validation", "test"):
        before, after = summary["start"][split], summary["final"][split]
        if before and after:
            gain = after[metric] - before[metric]
            lines.append(f"{split} {metric} {before[metric]:.3f} -> {after[metric]:.3f} ({gain:+.3f})")
    if not lines:
        scores = [cycle["gate"]["after"] for cycle in summary["cycles"] if cycle["gate"]["promoted"]]
        known = [score for score in scores if score is not None]
        seen = f"; last {summary['gate_metric']} on generated samples set aside: {known[-1]:.3f}" if known else ""
        lines.append(f"no validation or test data to score on{seen}")
    return lines


def describe_labels(summary: Mapping[str, Any]) -> list[str]:
    """Describe in a line how good the teacher's labels are; no line where nothing is known."""
    labels = summary.get("labels") or {}
    parts = []
    if labels.get("agreement") is not None:
        parts.append(f"right on {labels['agreement']:.0%} of {labels['measured_rows']} labelled rows of yours")
    if labels.get("expected_error") is not None:
        share = f"{labels['expected_error']:.0%} of its labels of {labels['real_texts']} real texts"
        parts.append(f"by its own confidence {share} are wrong")
    if labels.get("audited"):
        checks = f"{labels['audited_disputed']} of {labels['audited']} written texts that the student had confirmed"
        parts.append(f"{checks} were disputed")
    return [f"the teacher's labels: {'; '.join(parts)}"] if parts else []


def describe_estimate(estimate: Mapping[str, Any]) -> str:
    """Describe an estimate in one line: cycles, calls, tokens, money, and what will end the run."""
    cost = _tell_expected_cost(estimate)
    end = f", then {estimate['capped_by']} is spent" if estimate["capped_by"] else ""
    return (
        f"expected: about {count(estimate['cycles'], 'cycle')}, {count(estimate['calls'], 'call')},"
        f" {estimate['input_tokens']:,} tokens read and {estimate['output_tokens']:,} written"
        f" ({cost}; more where replies are asked again){end}"
    )


def _tell_expected_cost(estimate: Mapping[str, Any]) -> str:
    """Tell what a run will cost; both prices where batches are used or could be."""
    if estimate["cost_usd"] is None:
        return "price unknown"
    direct, by_batch = estimate.get("direct_usd"), estimate.get("batch_usd")
    if direct is None or by_batch is None:
        return f"about {estimate['cost_usd']:.2f} USD"
    cost = f"about {_write_money(estimate['cost_usd'])} USD"
    if estimate["batches"]:
        return f"{cost} with batches, {_write_money(direct)} without"
    return f"{cost}, {_write_money(by_batch)} with teacher.batch=true"


def _write_money(usd: float) -> str:
    """Write US dollars, small sums with four decimals, so that half of one differs from the whole."""
    return f"{usd:.2f}" if usd >= 0.1 else f"{usd:.4f}"


def describe_batches(estimate: Mapping[str, Any]) -> list[str]:
    """Describe in a line how long batches may take; no line without batches."""
    number = estimate.get("batches") or 0
    if not number:
        return []
    batches = "1 batch" if number == 1 else f"about {number:,} batches, one after the other"
    return [
        f"waits for {batches}; each may take minutes or hours, at most 24 h."
        " Ctrl-C ends the waiting and nothing else: evokd resume goes on with the same batch"
    ]


def describe_costs(summary: Mapping[str, Any]) -> str:
    """Describe the costs of a run in one line: samples, calls, tokens, money, time, and why it stopped."""
    totals = summary["totals"]
    cost = "price unknown" if totals["cost_usd"] is None else f"{totals['cost_usd']:.4f} USD"
    about = "about " if totals["tokens_estimated"] else ""
    return (
        f"stopped by {summary['stop_reason']}: {count(totals['samples'], 'sample')}, {count(totals['calls'], 'call')},"
        f" {about}{totals['input_tokens']:,} tokens read and {totals['output_tokens']:,} written ({cost}),"
        f" {_describe_seconds(totals)}{_describe_batch_use(totals)}"
    )


def _describe_batch_use(totals: Mapping[str, Any]) -> str:
    """Describe which calls were answered by batch; empty where none was, and in summaries of earlier versions."""
    use = totals.get("batch")
    if not use or not use["calls"]:
        return ""
    told = f"; {count(use['calls'], 'call')} by batch"
    if use["saved_usd"] is None:
        return told
    return f"{told} for {use['cost_usd']:.4f} USD, {use['saved_usd']:.4f} less than direct"


def _describe_seconds(totals: Mapping[str, Any]) -> str:
    """Describe the time of a run; summaries of earlier versions only have the sum of its nodes."""
    seconds = f"{totals['seconds']:,.0f} s"
    return seconds if "node_seconds" in totals else f"{seconds} of work, parts of it at the same time"


def describe_review(counts: Mapping[str, Any]) -> str:
    """Describe in a line what people decided in a cycle; counts as in `tracing.reviews.ReviewCounts`."""
    words = {"accepted": "accepted", "corrected": "corrected", "refused": "refused", "skipped": "left as they were"}
    parts = [f"{counts[key]} {word}" for key, word in words.items() if counts.get(key)]
    over = counts.get("over_budget") or 0
    if over:
        parts.append(f"{over} others made room in the budget")
    by = f" (by {', '.join(counts['reviewers'])})" if counts["reviewers"] else ""
    return f"reviewed: {', '.join(parts) or 'nothing decided'}{by}"


def describe_agreement(agreement: Mapping[str, Any] | None) -> list[str]:
    """Describe in a line how often people agreed with the teacher; no line where nobody has reviewed anything."""
    if not agreement:
        return []
    line = f"people reviewed {count(agreement['reviewed'], 'text')}"
    if agreement["labels"]:
        line += (
            f": they agreed with {agreement['agreement']:.0%} of {count(agreement['labels'], 'answer')} of the teacher"
        )
    if agreement["refused"]:
        line += f", and refused {count(agreement['refused'], 'text')}"
    return [line]
