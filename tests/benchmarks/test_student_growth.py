"""The benchmark of what a training takes beside its steps."""

import pytest

from benchmarks import student_growth


def test_a_training_is_cut_into_what_comes_before_its_steps_and_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student_growth, "STEPS", 3)
    growth = student_growth.measure(40)
    assert growth.before > 0.02
    assert growth.step > 0.02
    assert growth.behind > 0
    assert growth.megabytes > 100
