import math

import pytest
import torch
from torch.nn import functional

from evokd.student.tasks.ner.network import TokenClassificationNetwork
from evokd.student.tasks.network import IGNORE

NETWORK = TokenClassificationNetwork(["person", "place"])


def weigh(*counts: int) -> list[float] | None:
    """Weights of the tags when each label begins this often; inside tags and O are many."""
    network = TokenClassificationNetwork([f"l{number}" for number in range(len(counts))])
    begins = [1 + 2 * number for number, count in enumerate(counts) for _ in range(count)]
    found = network.class_weights([torch.tensor([*begins, 0, 0, IGNORE]), torch.tensor([2, 2, 2, IGNORE])])
    return None if found is None else found.tolist()


def test_rare_types_weigh_more_and_no_label_is_no_weight() -> None:
    found = weigh(40, 10, 10)
    assert found is not None
    assert found[0] == 1.0
    assert found[1::2] == found[2::2] == pytest.approx([0.5**0.5, 2**0.5, 2**0.5])
    assert weigh(5, 5) == [1.0] * 5
    assert weigh(0, 0) is None


def test_weights_are_bounded_and_a_type_without_samples_gets_one() -> None:
    found = weigh(1000, 1, 0)
    assert found is not None
    assert found[1::2] == pytest.approx([math.sqrt(1001 / 2000), 4.0, 1.0])


def random_batch(seed: int, rows: int = 4, length: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, length, 5, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 5, (rows, length), generator=generator)
    targets[torch.rand(rows, length, generator=generator) < 0.4] = IGNORE
    return logits, targets


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_mean_loss_is_the_mean_cross_entropy_of_the_words(seed: int, smoothing: float) -> None:
    logits, targets = random_batch(seed)
    plain = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, label_smoothing=smoothing
    )
    for classes in (None, torch.ones(5)):
        found = NETWORK.loss(logits, targets, smoothing, classes)
        assert found.shape == (4,)
        torch.testing.assert_close(found.mean(), plain)


def test_a_piece_counts_by_its_words_against_the_mean_piece() -> None:
    logits = torch.zeros(2, 6, 5)
    targets = torch.tensor([[0, 1, 2, IGNORE, IGNORE, IGNORE], [IGNORE, 3, IGNORE, IGNORE, IGNORE, IGNORE]])
    assert NETWORK.loss(logits, targets, 0.0, None).tolist() == pytest.approx([1.5 * math.log(5), 0.5 * math.log(5)])


def test_class_weights_scale_the_loss_of_their_words() -> None:
    logits, targets = random_batch(1)
    classes = torch.tensor([1.0, 4.0, 4.0, 0.5, 0.5])
    flat, places = logits.flatten(0, 1), targets.flatten()
    each = NETWORK.loss(flat, places, 0.0, None)
    assert each.shape == places.shape
    weights = torch.where(places == IGNORE, 0.0, classes.double()[places.clamp(min=0)])
    torch.testing.assert_close(NETWORK.loss(flat, places, 0.0, classes), each * weights)
    learned = (targets != IGNORE).sum()
    torch.testing.assert_close(NETWORK.loss(logits, targets, 0.0, classes).mean(), (each * weights).sum() / learned)


def test_half_precision_is_computed_in_full() -> None:
    logits, targets = random_batch(2)
    half = logits.bfloat16()
    found = NETWORK.loss(half, targets, 0.0, torch.ones(5))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, NETWORK.loss(half.float(), targets, 0.0, None))


def test_what_is_ignored_changes_neither_loss_nor_gradient() -> None:
    logits, targets = random_batch(3)
    other = torch.where((targets == IGNORE).unsqueeze(-1), torch.tensor(9.0).double(), logits)
    classes = torch.tensor([1.0, 2.0, 2.0, 0.7, 0.7])
    losses, gradients = [], []
    for values in (logits, other):
        values = values.clone().requires_grad_()
        loss = NETWORK.loss(values, targets, 0.1, classes).mean()
        (gradient,) = torch.autograd.grad(loss, values)
        losses.append(loss.item())
        gradients.append(gradient)
    assert losses[0] == losses[1]
    assert torch.equal(gradients[0], gradients[1])
    assert (gradients[0][targets == IGNORE] == 0).all()
    assert (gradients[0][targets != IGNORE] != 0).all()


def test_a_batch_without_anything_to_learn_has_no_loss() -> None:
    logits = torch.ones(2, 3, 5, requires_grad=True)
    loss = NETWORK.loss(logits, torch.full((2, 3), IGNORE), 0.0, None).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_flattening_lines_up_the_words_of_all_pieces() -> None:
    features = [torch.arange(6.0).view(3, 2), torch.arange(6.0, 10.0).view(2, 2)]
    targets = [torch.tensor([IGNORE, 1, 2]), torch.tensor([IGNORE, 0])]
    rows, places, pieces = NETWORK.flatten(features, targets)
    assert rows.tolist() == [[2.0, 3.0], [4.0, 5.0], [8.0, 9.0]]
    assert (places.tolist(), pieces) == ([1, 2, 0], [0, 0, 1])
