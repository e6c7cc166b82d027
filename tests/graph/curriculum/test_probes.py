"""Statements about weaknesses are tested, mended or dropped."""

import numpy as np
import pytest

from graph.curriculum.probes import LEAST, Probe, Vectors, judge


def cloud(place: tuple[float, float], count: int, seed: int, width: float = 0.1) -> Vectors:
    rng = np.random.default_rng(seed)
    rows = np.array([*place, *[0.3] * 6]) + rng.normal(0, width, (count, 8))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_evidence_that_lies_apart_holds_and_gives_a_probe() -> None:
    ruling = judge(cloud((1, 0), 6, 1), cloud((0, 1), 20, 2))
    assert (ruling.verdict, ruling.inside, ruling.outside, ruling.kept) == ("holds", 1.0, 0.0, tuple(range(6)))
    assert ruling.probe is not None
    assert ruling.probe.picks(cloud((1, 0), 30, 3)).all()
    assert not ruling.probe.picks(cloud((0, 1), 30, 4)).any()


def test_evidence_from_among_the_right_cases_seldom_holds() -> None:
    verdicts = []
    for seed in range(100):
        rows = cloud((0, 1), 38, seed, width=0.2)
        verdicts.append(judge(rows[:8], rows[8:]).verdict)
    assert sum(verdict == "fails" for verdict in verdicts) >= 75
    assert judge(cloud((0, 1), 8, 1), cloud((0, 1), 30, 1)).probe is None


def test_a_statement_is_refined_by_leaving_out_what_looks_right() -> None:
    mixed = np.concatenate([cloud((1, 0), 4, 1), cloud((0, 1), 2, 5)])
    ruling = judge(mixed, cloud((0, 1), 20, 2))
    assert (ruling.verdict, ruling.kept) == ("refined", (0, 1, 2, 3))
    assert ruling.inside == 1.0


def test_a_statement_of_which_little_would_be_left_is_not_refined() -> None:
    mixed = np.concatenate([cloud((1, 0), 3, 1), cloud((0, 1), 5, 5)])
    assert judge(mixed, cloud((0, 1), 20, 2)).verdict == "fails"


@pytest.mark.parametrize(("evidence", "right", "probe"), [(LEAST - 1, 9, True), (9, LEAST - 1, True), (9, 0, False)])
def test_too_few_texts_cannot_tell_anything(evidence: int, right: int, probe: bool) -> None:
    ruling = judge(cloud((1, 0), evidence, 1), cloud((0, 1), right, 2))
    assert (ruling.verdict, ruling.inside, ruling.outside) == ("untested", None, None)
    assert ruling.kept == tuple(range(evidence))
    assert (ruling.probe is not None) is probe


def test_a_probe_picks_from_its_border_on() -> None:
    picked = Probe((1.0, 0.0), 0.5).picks(np.array([[0.5, 9.0], [0.49, 0.0], [2.0, 0.0]]))
    assert picked.tolist() == [True, False, True]
