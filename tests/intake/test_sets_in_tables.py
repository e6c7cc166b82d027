"""Empty cells of labels: `init` says what it made of them."""

from pathlib import Path

from evokd import api


def test_an_empty_cell_is_unlabelled_and_said_to_be(tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    rows = [
        "text,topics",
        "a long first text,x;y",
        "second text here,",
        "third one,y",
        "fourth text,x",
        "no topic,(none)",
    ]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    new = api.init_domain(tmp_path / "notes", source=table, task="multilabel", label_column="topics")
    assert any(
        "with an empty cell in 'topics', left unlabelled; (none) says that none applies: 1" in n for n in new["notes"]
    ), new["notes"]
    pool = (tmp_path / "notes" / "pool.jsonl").read_text(encoding="utf-8")
    assert "second text here" in pool
    assert "no topic" not in pool
