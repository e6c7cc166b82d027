import subprocess
import sys

import pytest

from evokd.messages import InputError
from evokd.student.tasks.registry import codec, make_network, name_pipeline

CODEC = codec("classification", ["bug", "billing"])


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown task 'parsing'; known tasks: classification"):
        codec("parsing", ["a", "b"])


@pytest.mark.parametrize("labels", [["a"], [], ["a", "b", "a"]], ids=["one", "none", "twice"])
def test_unusable_labels_are_refused(labels: list[str]) -> None:
    with pytest.raises(InputError, match="label"):
        codec("classification", labels)


def test_the_wire_form_of_a_label_is_the_label() -> None:
    assert CODEC.from_wire("x", CODEC.to_wire("x", "bug")) == "bug"
    assert (CODEC.key("bug"), CODEC.labels_in("bug"), CODEC.metrics[0]) == ("bug", ["bug"], "macro_f1")
    for wire in ("bugs", 3, None, ["bug"]):
        with pytest.raises(ValueError, match="label"):
            CODEC.from_wire("x", wire)


def test_reading_curating_and_asking_import_no_torch() -> None:
    light = ("data", "tasks.registry", "curate", "tasks.scores", "process.client", "base")
    code = f"import sys, {', '.join(f'evokd.student.{name}' for name in light)}\n"
    code += "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_imports_no_scikit_learn() -> None:
    code = "import sys, evokd.student.data\nassert 'sklearn' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("classification", "text-classification"),
        ("multilabel", "text-classification"),
        ("ner", "token-classification"),
    ],
)
def test_codec_and_network_have_one_name_for_the_hub(task: str, name: str) -> None:
    made = codec(task, ["a", "b"])
    assert (name_pipeline(task), made.pipeline, make_network(made).pipeline) == (name, name, name)


def test_an_unknown_task_has_no_name_for_the_hub() -> None:
    with pytest.raises(InputError, match=r"unknown task 'nre'.*did you mean 'ner'"):
        name_pipeline("nre")
