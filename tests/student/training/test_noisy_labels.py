"""Labels that may be wrong: what is doubted, what is trusted, what becomes of it."""

import random
from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from evokd.student.protocol import TrainExample
from evokd.student.student_settings import Loss, StudentSettings
from evokd.student.training.linear_head import Rows, fit_rows
from evokd.student.training.noisy_labels import LEAST, RULES, NoisyLabels, relabel
from evokd.student.training.train import train
from tests.student.conftest import LABELS, MakeJob, write_texts
from tests.student.training.test_train import GOOD, ner, score


def clouds(count: int, wrong: list[int], trusted: tuple[int, ...] = ()) -> NoisyLabels:
    """Two clouds of points; the labels of some are those of the other cloud."""
    generator = torch.Generator().manual_seed(0)
    right = torch.arange(count) % 2
    features = torch.randn(count, 64, generator=generator, dtype=torch.float64)
    features[:, :32] += 3.0 * right[:, None]
    given = right.clone()
    given[wrong] = 1 - given[wrong]
    targets = torch.nn.functional.one_hot(given, 2).double()
    rows = Rows(features, targets, torch.ones(count, dtype=torch.float64))
    return NoisyLabels(rows, 300.0, [i in trusted for i in range(count)])


@pytest.mark.parametrize("rule", RULES)
def test_wrong_labels_are_doubted_and_right_ones_are_not(rule: str) -> None:
    wrong = [3, 12, 20, 33]
    given = clouds(48, wrong)
    settled = relabel(rule, given)
    share = (settled.targets * given.rows.targets).sum(1)
    assert [i for i in range(48) if share[i] < 0.5] == wrong
    assert settled.doubted == 4
    assert settled.targets.sum(1).tolist() == pytest.approx([1.0] * 48)
    assert relabel(rule, clouds(48, [])).doubted == 0


@pytest.mark.parametrize("rule", RULES)
def test_the_users_own_examples_are_never_doubted(rule: str) -> None:
    given = clouds(48, [3, 12, 20, 33], trusted=(3, 20))
    settled = relabel(rule, given)
    share = (settled.targets * given.rows.targets).sum(1)
    assert share[[3, 20]].tolist() == [1.0, 1.0]
    assert settled.doubted == 2


@pytest.mark.parametrize("rule", RULES)
def test_few_samples_stay_as_they_are(rule: str) -> None:
    given = clouds(LEAST - 1, [3])
    settled = relabel(rule, given)
    assert torch.equal(settled.targets, given.rows.targets)


def test_every_rule_is_a_value_of_the_setting() -> None:
    assert set(get_args(Loss)) == {"cross_entropy", *RULES}


@pytest.mark.parametrize("value", ["candidates", "small_loss"])
def test_a_loss_that_was_removed_is_refused_with_what_to_use(value: str) -> None:
    with pytest.raises(ValidationError, match=f"{value} was removed; use bootstrap"):
        StudentSettings.model_validate({"loss": value})


@pytest.mark.parametrize("rule", RULES)
def test_odd_sets_are_settled(rule: str) -> None:
    """One label has a single sample, another none; all features are alike."""
    targets = torch.zeros(30, 3, dtype=torch.float64)
    targets[:, 0] = 1
    targets[0] = torch.tensor([0.0, 1.0, 0.0])
    rows = Rows(torch.ones(30, 4, dtype=torch.float64), targets, torch.ones(30, dtype=torch.float64))
    settled = relabel(rule, NoisyLabels(rows, 300.0, [False] * 30))
    assert settled.targets.isfinite().all()


def test_weights_count_like_repeated_rows() -> None:
    given = clouds(10, [])
    rows = given.rows
    twice = Rows(
        torch.cat([rows.features, rows.features[:3]]), torch.cat([rows.targets, rows.targets[:3]]), torch.ones(13)
    )
    heavy = Rows(rows.features, rows.targets, torch.tensor([2.0] * 3 + [1.0] * 7))
    # The same but for the centre and scale of the features, which count a row once.
    one, two = fit_rows(twice, 30.0).answer(rows.features), fit_rows(heavy, 30.0).answer(rows.features)
    torch.testing.assert_close(torch.softmax(one, -1), torch.softmax(two, -1), rtol=0, atol=0.05)


def spoil(rows: list[TrainExample], share: float) -> list[TrainExample]:
    """Give a share of the samples the wrong label."""
    rng = random.Random(1)
    spoilt = []
    for row in rows:
        assert isinstance(row.gold, str)
        other = LABELS[row.gold == LABELS[0]]
        spoilt.append(row.model_copy(update={"gold": other}) if rng.random() < share else row)
    return spoilt


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tune", ["head", "full"])
def test_a_training_doubts_what_the_rule_says(make_job: MakeJob, tune: str, rule: str) -> None:
    job = make_job(tune=tune, steps=60, loss=rule, output_rate=10, examples=spoil(write_texts(60, 1), 0.2))
    result = train(job)
    assert 0 < result.doubted < 30
    assert score(job.out) >= GOOD["head"]
    sure = [row.model_copy(update={"trusted": True}) for row in job.examples]
    assert train(make_job("sure", tune=tune, steps=1, min_epochs=0, loss=rule, examples=sure)).doubted == 0


def test_entities_are_learnt_as_given(make_job: MakeJob) -> None:
    jobs = [ner(make_job, name, steps=2, loss=rule) for name, rule in (("a", "cross_entropy"), ("b", "bootstrap"))]
    one, two = (train(job) for job in jobs)
    assert (one.loss, two.doubted) == (two.loss, 0)


@pytest.mark.parametrize("tune", ["head", "full"])
def test_meanings_teach_what_no_sample_says(make_job: MakeJob, tune: str) -> None:
    """The only sample of each label says nothing; the meanings do."""
    empty = [TrainExample(id=str(i), text="the old is here", gold=label) for i, label in enumerate(LABELS)]
    meanings = {"animal": "a cat dog horse bird fish cow", "machine": "a car pump drill motor press lathe"}
    scores = {}
    for on in (True, False):
        job = make_job(str(on), tune=tune, rate=1e-3, steps=60, examples=empty, meaning_weight=8 * on)
        result = train(job.model_copy(update={"meanings": meanings}))
        assert result.samples == 2
        scores[on] = score(job.out)
    assert scores[True] >= GOOD["head"] > scores[False]


@pytest.mark.parametrize("tune", ["head", "full"])
def test_meanings_of_some_labels_are_enough(make_job: MakeJob, tune: str) -> None:
    job = make_job(tune=tune, steps=40).model_copy(update={"meanings": {"animal": "a cat", "unknown": "x"}})
    assert train(job).samples == 24
    assert score(job.out) >= GOOD[tune]
