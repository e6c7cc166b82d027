"""Ask a trained student: of a run, or a bare student folder."""

import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from evokd.api.blocking import call_blocking
from evokd.api.familiar_rows import FamiliarRows, find_familiar
from evokd.api.record import Run, open_run
from evokd.graph.setup.config_layers import ConfigSource, build_settings
from evokd.graph.setup.readability import note_texts
from evokd.graph.setup.run_folder import read_config
from evokd.inference.answers import AnswerColumns
from evokd.inference.asking import AnsweringProcess, TrainedStudent, answer_texts
from evokd.inference.evaluation import count_decisions, count_matrix, evaluate
from evokd.inference.input_rows import InputRow, cut_parts
from evokd.inference.prediction import AnsweredRow, answer_rows, check_columns
from evokd.messages import InputError, list_labels
from evokd.student.base_config import RECORD
from evokd.student.data import PartlyLabelled, read_partly_labelled
from evokd.student.record import open_record
from evokd.tracing.intervals import measure_intervals


class Student:
    """A trained student.

    Args:
        source: a finished run, or a student folder.
        int8: whether a student that was exported to ONNX answers with weights of 8 bits.
        process: where it answers, if that runs already; None: in one of its own each time.
    """

    def __init__(self, source: Run | Path, int8: bool = False, process: AnsweringProcess | None = None) -> None:
        self._source = source
        self._int8 = int8
        self._process = process

    @cached_property
    def trained(self) -> TrainedStudent:
        """Its folder, and where it computes.

        Raises:
            InputError: the run has no student yet, or none any more; or the folder holds none.
        """
        if isinstance(self._source, Path):
            open_record(self._source)
            return TrainedStudent(self._source, int8=self._int8, process=self._process)
        folder, student = self._source.folder, self._source.find_student()
        settings = build_settings([ConfigSource(str(folder.config), read_config(folder)["settings"])]).student
        return TrainedStudent(student, settings.device, settings.threads, self._int8, self._process)

    @property
    def folder(self) -> Path:
        """Its folder: weights, tokenizer, `evokd.json`."""
        return self.trained.folder

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels."""
        return self.trained.codec().labels

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Answer texts in a separate process.

        Returns:
            Per text "text", "label" (a list of them where answers are sets) or "entities", "confidence" (0 to 1),
            "scores" and the second choice; see `inference.answers.AnswerColumns`.

        Raises:
            InputError: `texts` is no list of texts.
            EvokdError: the student fails.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InputError("predict: give a list of texts, such as ['where is my parcel?']")
        columns = self.trained.make_columns()
        given = list(texts)

        def ask() -> list[dict[str, Any]]:
            found = [item for part in answer_texts(self.trained, cut_parts(given)) for item in part]
            return [{"text": text, **columns.write(text, item)} for text, item in zip(given, found, strict=True)]

        return call_blocking(ask)

    def answer_rows(
        self,
        rows: Iterator[InputRow],
        prefix: str = "",
        reject: float | None = None,
        scores: bool = True,
        in_cells: bool = False,
    ) -> Iterator[list[AnsweredRow]]:
        """Answer rows of a file (see `open_input`) part by part; not where an event loop runs.

        Args:
            rows: the rows.
            prefix: what the names of the answer's columns begin with.
            reject: confidence below which an answer is "unsure", 0 to 1.
            scores: whether the probabilities of all labels are written.
            in_cells: whether a set of labels is written as one string, as a table holds it, rather than as a list.

        Raises:
            InputError: a column is there already, or `reject` is no confidence.
            EvokdError: the student fails.
        """
        return answer_rows(self.trained, rows, self.make_columns(prefix, reject, scores, in_cells))

    def make_columns(self, prefix: str, reject: float | None, scores: bool, in_cells: bool = False) -> AnswerColumns:
        """Say how its answers are written; see `answer_rows`.

        Raises:
            InputError: `reject` is no confidence.
        """
        return self.trained.make_columns(prefix, reject, scores, in_cells)

    def name_columns(self, prefix: str, reject: float | None, scores: bool, taken: Sequence[str] = ()) -> list[str]:
        """Give the names of the columns that `answer_rows` writes.

        Args:
            prefix: see `answer_rows`, as the next two.
            reject: confidence below which an answer is "unsure", 0 to 1.
            scores: whether the probabilities of all labels are written.
            taken: the columns of the input.

        Raises:
            InputError: a column is there already, or `reject` is no confidence.
        """
        columns = self.make_columns(prefix, reject, scores)
        check_columns(taken, columns)
        return columns.names(self.trained.has_labels)

    def evaluate(self, file: str | Path, columns: dict[str, str] | None = None) -> dict[str, Any]:
        """Score the student on a labelled file.

        Args:
            file: rows as of a domain's data; those without a label are left out.
            columns: known name -> the file's name for it, such as {"text": "Body", "label": "Queue"}; "label" may stand
                for "labels" and "entities" as well.

        Returns:
            rows; how many more have no label; how many the student was trained on or chosen by (None where nothing is
            known, as of a bare folder); metrics with a 95 % interval of the first, report per label, confusions,
            confusion matrix (for one label per text; for any number of them `decisions` instead: true and false
            positives and negatives of each label), expected calibration error, notes.

        Raises:
            InputError: what is wrong with the file, where, and how to mend it.
            EvokdError: the student fails.
        """
        open_record(self.folder)
        codec = self.trained.codec()
        named = {codec.answer_key if name == "label" else name: column for name, column in (columns or {}).items()}
        read = read_partly_labelled(Path(file), codec, named)
        examples = read.examples
        familiar = self._find_familiar([example.text for example in examples])
        result = call_blocking(lambda: evaluate(self.trained, examples))
        metric = codec.metrics[0]
        intervals = measure_intervals(metric, result.gold, result.answers, result.answers)
        facts: dict[str, Any] = {
            "student": str(self.folder),
            "file": str(file),
            "rows": len(examples),
            "unlabelled": len(read.unlabelled),
            "trained_on": familiar and familiar.trained_on,
            "chosen_by": familiar and familiar.chosen_by,
            "metric": metric,
            "interval": None if intervals is None else dict(intervals[0]),
            **result.scores.model_dump(mode="json"),
            "calibration_error": result.calibration_error,
            "notes": [*read.notes, *_tell_unlabelled(file, read), *(familiar.tell() if familiar else ())],
        }
        if codec.answer_key == "labels":
            sets = [[list_labels(answer) for answer in answers] for answers in (result.gold, result.answers)]
            return facts | {"labels": list(codec.labels), "decisions": count_decisions(codec.labels, *sets)}
        gold = [answer for answer in result.gold if isinstance(answer, str)]
        answers = [answer for answer in result.answers if isinstance(answer, str)]
        if len(gold) == len(answers) == len(examples):
            facts["labels"] = list(codec.labels)
            facts["matrix"] = count_matrix(codec.labels, gold, answers)
        return facts

    def _find_familiar(self, texts: Sequence[str]) -> FamiliarRows | None:
        """Count the texts that the student has met; of a bare student folder nothing is known."""
        return None if isinstance(self._source, Path) else find_familiar(self._source, texts)

    def note_unseen(self, texts: Sequence[str]) -> list[str]:
        """Say what the student cannot see of texts: the ends of long ones, characters that it does not know.

        Raises:
            InputError: its `evokd.json` is damaged.
        """
        record = open_record(self.folder)
        return note_texts(self.folder, list(texts), record.get("max_length", sys.maxsize), self.trained.codec().windows)


def load_student(
    run: str | Path | Run,
    runs_dir: str | Path = "runs",
    int8: bool = False,
    process: AnsweringProcess | None = None,
) -> Student:
    """Find the student of a run, or a student folder.

    Args:
        run: the run, its folder, its id in `runs_dir`, or a folder with a student (its `evokd.json`).
        runs_dir: folder that holds the runs.
        int8: whether a student that was exported to ONNX answers with weights of 8 bits.
        process: where it answers, if that runs already; None: in one of its own each time.

    Raises:
        InputError: there is no such run or folder, or it has no student.
    """
    if isinstance(run, str | Path) and _holds_student(Path(run)):
        student = Student(Path(run), int8, process)
    else:
        student = Student(open_run(run, runs_dir), int8, process)
    _ = student.trained  # so that a run without one is told before rows are read
    return student


def _holds_student(path: Path) -> bool:
    try:
        return (path / RECORD).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _tell_unlabelled(file: str | Path, read: PartlyLabelled) -> Iterator[str]:
    """Say how many rows of a file are not scored, since they have no label."""
    left = len(read.unlabelled)
    if left:
        rows = f"{left + len(read.examples):,} rows"
        told = f"1 of {rows} has no label and is" if left == 1 else f"{left:,} of {rows} have no label and are"
        which = "line" if left == 1 else "the first: line"
        yield f"{file}: {told} left out ({which} {read.unlabelled[0]})"
