"""Kinds of texts that a cycle is made of: at first what was best on average, later by the effect of each kind.

The best kind of text differs by domain: for encyclopaedia sentences it is texts in the tone of real ones, for film
reviews and posts with few entities plain texts, for emotions real texts. So the shares begin where they do least harm,
then follow the evidence.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["real", "plain", "toned", "varied", "dense", "weakness", "error"]
"""How a sample is made: real (a text of the pool, labelled), plain (different texts of a label), toned (in the tone of
real lines that are shown), varied (attributes per text), dense (rich in entities), weakness (written for one), error
(extrapolated from a wrong case)."""
WRITTEN: tuple[Kind, ...] = ("plain", "toned", "varied", "dense")
"""Kinds of breadth that the Generator writes."""
_WHOLE: Mapping[Kind, float] = {"real": 0.6, "plain": 0.2, "toned": 0.2}
_ENTITIES: Mapping[Kind, float] = {"real": 0.4, "plain": 0.2, "toned": 0.4}
_ENTITIES_ALONE: Mapping[Kind, float] = {"plain": 1.0}
FLOOR = 0.1
"""Smallest factor on the initial share of a kind: an estimate may be wrong."""
PRIOR_SPREAD = 5.0
"""Standard deviation of effects between kinds (see `Effect.mean`); a less certain estimate counts for less."""
SLACK = 0.25
"""How far a request may exceed its size, as a share of it: a few more texts cost less than a separate prompt."""
PULL = 0.08
"""Exponent per unit of effect by which a share grows: a usual effect of 5 makes it one and a half times as large."""
_REAL_BOUNDS = (0.2, 0.8)
"""Minimum and maximum share of real texts, whatever the evidence: they also serve as the exam."""


def check_shares(shares: Mapping[str, float]) -> str | None:
    """Say what is wrong with the shares of a configuration, None if nothing."""
    known = [kind for kind in get_args(Kind) if kind not in ("weakness", "error")]
    for kind, share in shares.items():
        if kind not in known:
            return f"unknown kind of text {kind!r}; known kinds: {', '.join(known)}"
        if not 0 <= share <= 1:
            return f"the share of {kind!r} must be between 0 and 1"
    if shares and not math.isclose(sum(shares.values()), 1.0, abs_tol=0.01):
        return f"the shares add up to {sum(shares.values()):g}; they must add up to 1"
    return None


def find_contradiction(pool: bool, source: str, chosen: Mapping[str, float]) -> str | None:
    """Say which chosen shares ask for what a run cannot give or its source rules out; None if there are none.

    Args:
        pool: whether there are unlabelled real texts.
        source: `curriculum.source`.
        chosen: the user's own shares.
    """
    chosen_kinds = {kind for kind, share in chosen.items() if share}
    written = sorted(chosen_kinds - {"real"})
    if source == "pool" and written:
        return f"curriculum.source is 'pool', which writes nothing, but curriculum.shares asks for {written[0]!r}"
    if source == "write" and "real" in chosen_kinds:
        return "curriculum.source is 'write', which labels nothing of the pool, but curriculum.shares asks for 'real'"
    if source == "mix" and chosen and not math.isclose(chosen.get("real", 0.5), 0.5):
        return f"curriculum.source is 'mix', half of it real texts, but curriculum.shares gives them {chosen['real']:g}"
    lacking = sorted(chosen_kinds & {"real", "toned"})
    if not pool and lacking:
        return f"curriculum.shares asks for {lacking[0]!r}, but there are no unlabelled texts (data.pool)"
    return None


def begin_shares(entities: bool, pool: bool, source: str, chosen: Mapping[str, float]) -> dict[Kind, float]:
    """Return the shares that a run begins with.

    Args:
        entities: whether answers are lists of entities.
        pool: whether there are unlabelled real texts.
        source: `curriculum.source`.
        chosen: the user's own shares; empty: what was best on average on recorded language models.
    """
    shares = dict((_ENTITIES if pool else _ENTITIES_ALONE) if entities else _WHOLE)
    if chosen:
        shares = {kind: chosen[kind] for kind in get_args(Kind) if kind in chosen}
    if source == "pool":
        return {"real": 1.0}
    if not pool:
        shares = {kind: share for kind, share in shares.items() if kind not in ("real", "toned")}
    elif source == "write":
        shares.pop("real", None)
    elif source == "mix":
        rest = sum(share for kind, share in shares.items() if kind != "real") or 1.0
        shares = {kind: 0.5 * share / rest for kind, share in shares.items() if kind != "real"} | {"real": 0.5}
    total = sum(shares.values())
    if not total:
        return {"plain": 1.0}
    return {kind: share / total for kind, share in shares.items() if share}


@dataclass(frozen=True)
class Effect:
    """How more texts of a kind would change the loss on real texts."""

    mean: float
    """Decrease of the mean loss in thousandths of a nat, per 1,000 tokens spent on the kind; below 0 it harms."""
    error: float
    """Standard error of the mean."""
    texts: int
    """Texts of the kind that it was estimated from."""


def move_shares(begin: Mapping[Kind, float], effects: Mapping[str, Effect]) -> dict[Kind, float]:
    """Move the shares towards what helps: every estimate is shrunk by its uncertainty, and no kind is starved.

    Args:
        begin: the shares without evidence.
        effects: kind -> its estimated effect; a kind that is missing keeps its weight.
    """
    if not effects:
        return dict(begin)
    weights: dict[Kind, float] = {}
    for kind, share in begin.items():
        effect = effects.get(kind)
        pull = 0.0 if effect is None else PULL * effect.mean * PRIOR_SPREAD**2 / (PRIOR_SPREAD**2 + effect.error**2)
        weights[kind] = share * max(FLOOR, math.exp(min(2.0, max(-3.0, pull))))
    total = sum(weights.values())
    shares = {kind: weight / total for kind, weight in weights.items()}
    real = shares.get("real")
    if real is None or len(shares) == 1:
        return shares
    held = min(max(real, _REAL_BOUNDS[0]), _REAL_BOUNDS[1])
    return {kind: held if kind == "real" else share * (1 - held) / (1 - real) for kind, share in shares.items()}


def describe_effects(effects: Mapping[str, Effect], judged: int) -> str:
    """Describe the effects in a line: how 1,000 tokens spent on each kind change the loss on real texts, best first."""
    ordered = sorted(effects.items(), key=lambda item: -item[1].mean)
    figures = ", ".join(f"{kind} {-effect.mean / 1000:+.4f}" for kind, effect in ordered)
    return f"change of the loss on {judged} real texts per 1,000 tokens: {figures}"


def divide(wanted: int, done: Mapping[str, int], shares: Mapping[Kind, float], left: int, size: int) -> dict[Kind, int]:
    """Divide a cycle's texts between the kinds, so that the totals of the run come close to the shares.

    Each request costs a separate prompt, so a cycle writes few kinds: those that are furthest behind.

    Args:
        wanted: texts of the cycle.
        done: kind -> texts of the cycles before.
        shares: kind -> its share, adding up to 1.
        left: texts of the pool that are not labelled yet.
        size: approximate texts per request.
    """
    total = wanted + sum(done.get(kind, 0) for kind in shares)
    lacks = {kind: shares[kind] * total - done.get(kind, 0) for kind in shares}
    real = min(left, wanted, max(0, round(lacks.get("real", 0.0))))
    kinds = [kind for kind in shares if kind != "real"]
    if not kinds:
        return {"real": min(left, wanted)}
    written = wanted - real
    chosen = sorted(kinds, key=lambda kind: (-lacks[kind], kinds.index(kind)))[: count_requests(written, size)]
    counts = shrink_kinds({kind: max(1.0, lacks[kind]) for kind in chosen}, written, size)
    return {**counts, "real": real} if real else counts


def count_requests(texts: int, size: int) -> int:
    """Say how many requests it takes to ask for texts, or to send them.

    Args:
        texts: how many there are.
        size: approximate texts per request.
    """
    return math.ceil(texts / int(size * (1 + SLACK)))


def cut_labelling(texts: int, size: int) -> int:
    """Say how many requests it takes to label real texts: each holds half as many again as a request to write does."""
    return count_requests(texts, size + size // 2)


def shrink_kinds(weights: Mapping[Kind, float], total: int, size: int) -> dict[Kind, int]:
    """Divide a number of written texts between kinds in proportion; a kind that would get too few gets none.

    Args:
        weights: kind -> how many were wanted of it, or how much it lacks; above 0.
        total: texts in all.
        size: approximate texts per request.
    """
    kinds = sorted(weights, key=lambda kind: -weights[kind])
    while kinds:
        parts = share_out(total, [weights[kind] for kind in kinds])
        if len(kinds) == 1 or parts[-1] >= size * SLACK:
            return {kind: part for kind, part in zip(kinds, parts, strict=True) if part}
        kinds.pop()
    return {}


def share_out(count: int, weights: Sequence[float]) -> list[int]:
    """Share a number out in proportion to weights, largest remainders first."""
    total = sum(weights)
    if not weights or total <= 0:
        return [0] * len(weights)
    exact = [count * weight / total for weight in weights]
    parts = [int(value) for value in exact]
    order = sorted(range(len(weights)), key=lambda at: (parts[at] - exact[at], at))
    for at in order[: count - sum(parts)]:
        parts[at] += 1
    return parts
