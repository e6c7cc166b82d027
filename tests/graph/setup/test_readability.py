"""What the student cannot see is told before the first call, and a run that would be for nothing is refused."""

import json
from pathlib import Path

import pytest
import yaml

from evokd.cli import main
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import plan_run
from evokd.graph.setup.readability import Sight, note_texts
from evokd.student.base import find_local
from tests.graph.toy import SHIPPED, write_domain, write_rows

FOREIGN = {
    "amharic": "ጥሩ ፈጣን ርካሽ ንጹህ",
    "khmer": "ហ្វ្រាំងរបស់ខ្ញុំលឺសំឡេង",
    "georgian": "წვიმის დროს ჩემი მუხრუჭები ჭრიალებს",
    "thai": "เบรกของฉันมีเสียงดังเมื่อฝนตก",
    "tamil": "மழை பெய்யும் போது என் பிரேக்குகள் கீச்சிடுகின்றன",
    "chinese": "下雨的时候我的刹车吱吱响\uff0c修车师傅没有给我回电话\u3002",
}
READ = {
    "english": "My brakes squeal whenever it rains and nobody calls me back.",
    "polish": "Moje hamulce piszczą, gdy pada deszcz, a mechanik nie oddzwonił.",
    "vietnamese": "Phanh của tôi kêu mỗi khi trời mưa và thợ sửa xe không gọi lại.",
    "decomposed accents": "Le me\u0301canicien ne m'a pas rappele\u0301, c'est tre\u0300s fa\u0302cheux.",
    "an emoji in a long text": "My brakes squeal whenever it rains and nobody calls me back 😀.",
}


def write_two(folder: Path, texts: tuple[str, str], split: str = "seeds") -> Path:
    """Write a domain of two labels in which one split says other things than the rest."""
    labels = ["praise", "complaint"]
    names = ("seeds", "validation", "test", "corpus")
    folder.mkdir()
    for name in names:
        chosen = texts if name == split else ("You were quick and kind.", "The tyre is flat again.")
        rows = [
            {"text": f"{text} {n}", "label": label}
            for n in range(7 if name == "corpus" else 6)
            for text, label in zip(chosen, labels, strict=True)
        ]
        write_rows(folder / f"{name}.jsonl", rows)
    data = {name: f"{name}.jsonl" for name in names[:3]}
    tree = {"name": "two", "task": "classification", "language": "en", "description": "Letters.", "data": data}
    tree |= {
        "labels": {label: f"the writer has a {label}" for label in labels},
        "rehearsal": {"corpus": "corpus.jsonl"},
    }
    (folder / "domain.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return folder


def look(folder: Path, **student: object) -> Sight:
    return plan_run(str(folder), "evokd", [ConfigSource("test", {"student": student})]).sight


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_run_on_a_script_that_the_vocabulary_lacks_is_refused_and_check_warns_with_the_same_words(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_two(tmp_path / "two", (text, text[::-1]))
    assert main.run_cli(["check", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert main.run_cli(["run", str(folder), "--runs-dir", str(tmp_path / "runs")]) == 2
    refusal = capsys.readouterr().err.removeprefix("evokd: ")
    assert "cannot read these texts" in refusal
    assert refusal.strip() in facts["notes"]
    assert (facts["findings"][0]["level"], facts["findings"][0]["code"]) == ("error", "unreadable_texts")
    assert refusal.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_that_steers_stops_a_run_and_test_data_is_told(split: str, tmp_path: Path) -> None:
    sight = look(write_two(tmp_path / "two", (FOREIGN["amharic"], FOREIGN["thai"]), split))
    assert (sight.unreadable is not None) == (split == "validation")
    assert any(f"of {split}" in note for note in sight.notes)


def test_a_language_that_is_unreadable_in_a_part_of_the_texts_is_a_note(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "two", (READ["english"], READ["english"] + " Thank you."))
    rows = (folder / "seeds.jsonl").read_text(encoding="utf-8")
    more = json.dumps({"text": FOREIGN["amharic"], "label": "praise"}, ensure_ascii=False)
    (folder / "seeds.jsonl").write_text(rows + more + "\n", encoding="utf-8")
    sight = look(folder)
    assert sight.unreadable is None
    assert any("1 of 13 texts are unreadable" in note for note in sight.notes)


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_what_is_read_raises_no_alarm(text: str, tmp_path: Path) -> None:
    assert look(write_two(tmp_path / "two", (text, f"{text} {text}"))).notes == ()


def test_a_language_that_is_spelled_letter_by_letter_is_a_note(tmp_path: Path) -> None:
    text = "Мои тормоза скрипят, когда идёт дождь, и механик мне не перезвонил."
    sight = look(write_two(tmp_path / "two", (text, f"{text} {text}")))
    assert sight.unreadable is None
    assert any("letter by letter" in note for note in sight.notes)


LONG = "The mechanic was kind and the price was fair. "


def test_texts_that_are_cut_are_counted_and_the_length_can_be_taken_from_the_data(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "two", (LONG * 18, "The tyre is flat again."))
    (note,) = look(folder).notes
    assert "seeds 6 of 12 (the longest 183, their median 183)" in note
    assert "student.max_length=auto" in note
    plan = plan_run(str(folder), "evokd", [ConfigSource("test", {"student": {"max_length": "auto"}})])
    assert plan.settings.student.max_length == 192
    assert "auto: 192 sub-words" in plan.sight.notes[0]
    assert len(plan.sight.notes) == 1


@pytest.mark.parametrize(("asked", "read"), [(100_000, 512), ("auto", 512)])
def test_no_more_is_read_than_the_base_has_positions_for(asked: object, read: int, tmp_path: Path) -> None:
    sight = look(write_two(tmp_path / "two", (LONG * 200, "The tyre is flat again.")), max_length=asked)
    assert any(str(read) in note for note in sight.notes)
    assert "the base cannot read more" in sight.notes[-1]


def test_short_texts_keep_the_usual_length(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "two", (READ["english"], "The tyre is flat again."))
    plan = plan_run(str(folder), "evokd", [ConfigSource("test", {"student": {"max_length": "auto"}})])
    assert plan.settings.student.max_length == 128


@pytest.mark.parametrize("value", ["7", "soon", "true", "128.5", "[1]"])
def test_a_length_that_is_none_is_refused(value: str, toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["check", str(toy_domain), "--set", f"student.max_length={value}"]) == 2
    assert "student.max_length: give a whole number" in capsys.readouterr().err


def test_the_embedded_student_is_said_to_be_english_where_the_texts_are_not(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "two", (READ["polish"], READ["vietnamese"]))
    assert not any("English" in note for note in look(folder).notes)
    file = folder / "domain.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("language: en", "language: Polish"), encoding="utf-8")
    (note,) = [note for note in look(folder).notes if "English" in note]
    assert note.startswith("the embedded student was trained on English texts, and language is 'Polish'; a base that")


def test_shipped_domain_has_no_alarm(tmp_path: Path) -> None:
    assert SHIPPED.is_dir()
    assert look(write_domain(tmp_path / "toy")).notes == ()


def test_predict_says_what_it_cannot_see() -> None:
    folder = Path(find_local("embedded") or "")
    assert note_texts(folder, [LONG], 128, False) == []
    assert "1 of 2" in note_texts(folder, [LONG, LONG * 18], 128, False)[0]
    assert note_texts(folder, [LONG * 18], 128, True) == []
    assert "100%" in note_texts(folder, [FOREIGN["amharic"]], 128, False)[0]
