"""What a training leaves in the ledger."""

from typing import get_type_hints

from evokd.graph.nodes.training_run import make_record
from evokd.student.protocol import TrainResult
from evokd.tracing.rows import TrainingRecord


def test_the_record_of_a_training_has_every_field_of_its_result() -> None:
    result = TrainResult(
        steps=60, samples=50, seconds=1.5, loss=0.25, tune="full", device="cpu", precision="float32", rate=None
    )
    record = make_record(result)
    assert set(record) == set(get_type_hints(TrainingRecord))
    assert TrainResult.model_validate(record) == result
