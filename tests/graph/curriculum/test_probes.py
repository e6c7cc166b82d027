"""Statements about weaknesses are tested on what the student does, mended or dropped."""

from collections.abc import Sequence

import numpy as np
import pytest

from evokd.graph.curriculum.probes import DOUBTS, Answered, Probe, ProbeRuling, Vectors, judge

RIGHT, WRONG, UNSURE = Answered(True, 0.9), Answered(False, 0.9), Answered(True, DOUBTS - 0.01)


def cloud(place: tuple[float, float], count: int, seed: int, width: float = 0.1) -> Vectors:
    rng = np.random.default_rng(seed)
    rows = np.array([*place, *[0.3] * 6]) + rng.normal(0, width, (count, 8))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rule(evidence: Sequence[Answered], others: Sequence[Answered] = (RIGHT,) * 20) -> ProbeRuling:
    """Judge evidence that lies together, apart from other texts."""
    return judge(evidence, cloud((1, 0), len(evidence), 1), others, cloud((0, 1), len(others), 2))


@pytest.mark.parametrize("evidence", [[WRONG] * 6, [UNSURE] * 2, [WRONG, UNSURE]])
def test_a_statement_holds_where_the_student_errs_or_doubts_and_gives_a_probe(evidence: list[Answered]) -> None:
    ruling = rule(evidence)
    assert (ruling.verdict, ruling.inside) == ("holds", 1.0)
    assert ruling.remaining == tuple(range(len(evidence)))
    assert ruling.probe is not None
    assert ruling.probe.picks(cloud((1, 0), 30, 3)).all()
    assert not ruling.probe.picks(cloud((0, 1), 30, 4)).any()


def test_evidence_that_the_student_knows_well_is_left_out_of_a_statement() -> None:
    ruling = rule([WRONG, RIGHT, WRONG, UNSURE, WRONG])
    assert (ruling.verdict, ruling.remaining, ruling.inside) == ("refined", (0, 2, 3, 4), 0.8)


@pytest.mark.parametrize("evidence", [[], [WRONG], [RIGHT] * 4, [WRONG, RIGHT], [WRONG, WRONG, RIGHT, RIGHT]], ids=len)
def test_a_statement_fails_where_little_of_its_evidence_would_be_left(evidence: list[Answered]) -> None:
    ruling = rule(evidence)
    assert (ruling.verdict, ruling.probe) == ("fails", None)
    assert ruling.remaining == tuple(range(len(evidence)))


def near_and_far(near: Answered, far: Answered) -> ProbeRuling:
    """Judge evidence with eight texts of its kind and forty others."""
    others = [near] * 8 + [far] * 40
    vectors = np.concatenate([cloud((1, 0), 8, 3), cloud((0, 1), 40, 2)])
    return judge([WRONG] * 3, cloud((1, 0), 3, 1), others, vectors)


def test_a_statement_fails_where_the_student_knows_other_texts_of_its_kind_better_than_most() -> None:
    known = near_and_far(RIGHT, WRONG)
    assert (known.verdict, known.near) == ("fails", 0.0)
    shared = near_and_far(WRONG, RIGHT)
    assert (shared.verdict, shared.near, shared.outside) == ("holds", 1.0, round(8 / 48, 3))


def test_few_other_texts_are_not_compared_with() -> None:
    ruling = rule([WRONG] * 3, [RIGHT] * 15)
    assert (ruling.verdict, ruling.near, ruling.outside) == ("holds", None, None)
    alone = rule([WRONG] * 3, [])
    assert (alone.verdict, alone.probe) == ("holds", None), "there is nothing to aim away from"


def test_a_probe_picks_from_its_border_on() -> None:
    picked = Probe((1.0, 0.0), 0.5).picks(np.array([[0.5, 9.0], [0.49, 0.0], [2.0, 0.0]]))
    assert picked.tolist() == [True, False, True]
