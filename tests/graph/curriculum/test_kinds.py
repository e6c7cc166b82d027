"""Kinds of texts: the shares that a run begins with, and how evidence moves them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.graph.curriculum.kinds import (
    FLOOR,
    Effect,
    Kind,
    begin_shares,
    check_shares,
    describe_effects,
    divide,
    find_contradiction,
    move_shares,
    share_out,
)

WHOLE: dict[Kind, float] = {"real": 0.6, "plain": 0.2, "toned": 0.2}


def rounded(shares: dict[Kind, float]) -> dict[str, float]:
    return {kind: round(share, 3) for kind, share in shares.items()}


@pytest.mark.parametrize(
    ("entities", "pool", "source", "shares"),
    [
        (False, True, "auto", WHOLE),
        (False, False, "auto", {"plain": 1.0}),
        (False, True, "write", {"plain": 0.5, "toned": 0.5}),
        (False, True, "mix", {"plain": 0.25, "toned": 0.25, "real": 0.5}),
        (False, True, "pool", {"real": 1.0}),
        (True, True, "auto", {"real": 0.4, "plain": 0.2, "toned": 0.4}),
        (True, False, "auto", {"plain": 1.0}),
    ],
)
def test_a_run_begins_with_what_is_right_on_average(
    entities: bool, pool: bool, source: str, shares: dict[str, float]
) -> None:
    assert rounded(begin_shares(entities, pool, source, {})) == shares


def test_the_users_own_shares_take_the_place_of_ours() -> None:
    assert rounded(begin_shares(False, True, "auto", {"real": 0.5, "varied": 0.5})) == {"real": 0.5, "varied": 0.5}
    assert rounded(begin_shares(False, False, "auto", {"real": 0.5, "varied": 0.5})) == {"varied": 1.0}
    assert begin_shares(False, False, "auto", {"real": 1.0}) == {"plain": 1.0}
    assert begin_shares(True, False, "auto", {"real": 1.0}) == {"plain": 1.0}


@pytest.mark.parametrize(
    ("shares", "fault"),
    [
        ({"plian": 1.0}, "unknown kind of text 'plian'"),
        ({"weakness": 1.0}, "unknown kind of text 'weakness'"),
        ({"plain": 2.0}, "the share of 'plain' must be between 0 and 1"),
        ({"plain": 0.5}, "the shares add up to 0.5"),
    ],
)
def test_bad_shares_are_told(shares: dict[str, float], fault: str) -> None:
    assert fault in str(check_shares(shares))


def test_good_shares_have_no_fault() -> None:
    assert check_shares({}) is None
    assert check_shares({"plain": 0.3, "real": 0.7}) is None


def effects(**means: float) -> dict[str, Effect]:
    return {kind: Effect(mean, 1.0, 40) for kind, mean in means.items()}


def test_without_evidence_shares_stay() -> None:
    assert rounded(move_shares(WHOLE, {})) == WHOLE


def test_a_kind_that_helps_gets_more_and_one_that_harms_gets_less_but_is_not_starved() -> None:
    moved = move_shares(WHOLE, effects(real=0.0, plain=8.0, toned=-8.0))
    assert moved["plain"] > 1.5 * moved["toned"]
    assert sum(moved.values()) == pytest.approx(1.0)
    ruined = move_shares(WHOLE, effects(toned=-1e6))
    assert ruined["toned"] > 0.2 * FLOOR * 0.4


def test_an_estimate_that_is_not_sure_moves_little() -> None:
    sure = move_shares(WHOLE, {"plain": Effect(8.0, 1.0, 40)})
    unsure = move_shares(WHOLE, {"plain": Effect(8.0, 50.0, 40)})
    assert sure["plain"] - 0.2 > 10 * (unsure["plain"] - 0.2) > 0


@pytest.mark.parametrize(("mean", "share"), [(1e6, 0.8), (-1e6, 0.2)])
def test_real_texts_stay_within_bounds_since_they_are_the_exam(mean: float, share: float) -> None:
    assert move_shares(WHOLE, effects(real=mean))["real"] == pytest.approx(share)
    assert move_shares({"real": 1.0}, effects(real=mean)) == {"real": 1.0}


def test_the_first_cycle_is_divided_by_the_shares_and_later_ones_make_up_for_it() -> None:
    first = divide(80, {}, WHOLE, left=400, size=40)
    assert first == {"plain": 32, "real": 48}, "one request: the kind that is most behind"
    second = divide(80, first, WHOLE, left=352, size=40)
    assert second == {"toned": 32, "real": 48}


def test_what_the_pool_lacks_is_written() -> None:
    assert divide(80, {}, WHOLE, left=10, size=40) == {"plain": 35, "toned": 35, "real": 10}
    assert divide(80, {}, {"real": 1.0}, left=10, size=40) == {"real": 10}


def test_the_verdict_is_told_best_first() -> None:
    told = describe_effects(effects(real=0.72, plain=5.4), 96)
    assert told == "change of the loss on 96 real texts per 1,000 tokens: plain -0.0054, real -0.0007"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    wanted=st.integers(0, 200),
    left=st.integers(0, 200),
    size=st.integers(1, 60),
    done=st.dictionaries(st.sampled_from(["real", "plain", "toned"]), st.integers(0, 300)),
)
def test_a_cycle_is_divided_without_a_rest(wanted: int, left: int, size: int, done: dict[str, int]) -> None:
    found = divide(wanted, done, WHOLE, left, size)
    assert sum(found.values()) == wanted
    assert all(count > 0 for count in found.values())
    assert found.get("real", 0) <= left


@settings(max_examples=100, deadline=None, derandomize=True)
@given(count=st.integers(0, 500), weights=st.lists(st.floats(0, 50), max_size=6))
def test_sharing_out_leaves_nothing_over_and_is_right_to_within_one(count: int, weights: list[float]) -> None:
    parts = share_out(count, weights)
    total = sum(weights)
    assert sum(parts) == (count if total > 0 else 0)
    assert all(abs(part - count * weight / total) < 1 for part, weight in zip(parts, weights, strict=True) if total > 0)


def test_without_evidence_the_shares_stay_as_they_were_chosen() -> None:
    assert move_shares({"real": 0.9, "plain": 0.1}, {}) == {"real": 0.9, "plain": 0.1}


@pytest.mark.parametrize(
    ("pool", "source", "shares", "named"),
    [
        (True, "pool", {"real": 0.5, "plain": 0.5}, "'plain'"),
        (True, "write", {"real": 0.5, "plain": 0.5}, "'real'"),
        (True, "mix", {"real": 0.8, "plain": 0.2}, "0.8"),
        (False, "auto", {"real": 0.5, "plain": 0.5}, "data.pool"),
        (False, "auto", {"toned": 0.5, "plain": 0.5}, "'toned'"),
    ],
)
def test_shares_that_the_source_would_change_are_told(
    pool: bool, source: str, shares: dict[str, float], named: str
) -> None:
    assert named in (find_contradiction(pool, source, shares) or "")


@pytest.mark.parametrize(
    ("pool", "source", "shares"),
    [
        (True, "auto", {"real": 0.5, "toned": 0.5}),
        (True, "mix", {"real": 0.5, "plain": 0.5}),
        (True, "mix", {"plain": 1.0}),
        (True, "pool", {"real": 1.0, "plain": 0.0}),
        (False, "write", {"plain": 1.0}),
        (False, "auto", {}),
    ],
)
def test_shares_that_can_be_kept_are_no_contradiction(pool: bool, source: str, shares: dict[str, float]) -> None:
    assert find_contradiction(pool, source, shares) is None
