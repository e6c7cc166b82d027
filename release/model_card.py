"""The card of an exported student: what it is, how to ask it, how it was made, what it cannot do."""

from collections.abc import Sequence
from dataclasses import dataclass

from evokd.release.facts import RunFacts, SampleCounts
from evokd.release.front_matter import EMBEDDED_NAME, describe_model, name_base
from evokd.release.student_folder import StudentFolder
from evokd.release.usage import Form, render, write_usage
from evokd.student.base import EMBEDDED

_LIBRARIES: dict[Form, str] = {"hf": "transformers", "onnx": "onnx"}


@dataclass(frozen=True)
class CardOptions:
    """What the user says of a release."""

    licence: str | None
    """As the Hub names it, such as `apache-2.0`; None: none was chosen."""
    place: str
    """Folder or name on the Hub that the card's program names."""
    title: str


def write_model_card(
    student: StudentFolder, facts: RunFacts | None, form: Form, options: CardOptions, notes: Sequence[str]
) -> str:
    """Write a model card, its head of YAML included.

    Args:
        student: the student that was exported.
        facts: of the run that made it; None where it is not known.
        form: what it was exported as.
        options: licence, place and title.
        notes: what was measured of the exported folder, and how it can be served, in Markdown.
    """
    base = _find_base(student, facts)
    hub_name = name_base(base)
    pipeline = student.network.pipeline
    head = describe_model(facts, pipeline, _LIBRARIES[form], options.licence, options.title, hub_name)
    return head + render(
        "model_card.md",
        title=options.title,
        facts=facts,
        teacher=", ".join(facts.teachers) or "nobody" if facts else "",
        is_ner=not student.network.classifies_texts,
        labels=[(label, facts.labels.get(label, "") if facts else "") for label in student.codec.labels],
        form=form,
        usage=write_usage(student, form, options.place).strip(),
        notes=notes,
        scores=facts.scores if facts else [],
        base=hub_name or (f"a model in a folder of the user's ({base})" if base else "not on the record"),
        tune=student.record.get("tune"),
        counts=write_counts(facts.samples) if facts else "",
        limit=student.limit,
        calibration=_tell_calibration(student),
        licence=_tell_licence(options.licence, base),
    )


def write_counts(samples: SampleCounts) -> str:
    """Write how many texts became what, as tables in Markdown."""
    return render("sample_counts.md", samples=samples).strip()


def _find_base(student: StudentFolder, facts: RunFacts | None) -> str | None:
    encoder = student.record.get("encoder")
    recorded = encoder.get("base") if isinstance(encoder, dict) else None
    return facts.base if facts else recorded


def _tell_calibration(student: StudentFolder) -> str:
    calibration = student.record.get("calibration")
    if not isinstance(calibration, dict):
        return "Its confidences were not calibrated: .9 does not mean that nine of ten such answers are right."
    rows = calibration.get("rows")
    measured = f" on {rows} labelled rows" if isinstance(rows, int) else ""
    return (
        f"Its confidences were calibrated{measured} (temperature {student.temperature:.3g}, already divided into the"
        " output layer); on texts of another kind they may be off."
    )


def _tell_licence(licence: str | None, base: str | None) -> str:
    of_base = (
        f"The base, {EMBEDDED_NAME}, is under Apache-2.0."
        if base == EMBEDDED
        else "The licence of the base applies to what was made from it."
    )
    chosen = f"{licence}, as its publisher chose." if licence else "None was chosen (`--license` names one)."
    return f"{chosen} {of_base} Some makers of language models restrict what their answers may be used to train."
