"""A review of texts with any number of labels: in the terminal, by file, on the page."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from evokd.api.reviewing import Review
from evokd.cli.views.review_dialog import ReviewDialog
from evokd.messages import NO_LABEL, InputError
from evokd.review.files import read_reviews, write_review
from evokd.review.label_studio import describe_controls
from evokd.review.merging import merge
from evokd.review.pending import NewDecision, ReviewSession, describe_answer
from tests.review.test_app import KEY, make_client
from tests.review.waiting import SETS, decided, wait


@pytest.fixture
def session(tmp_path: Path) -> ReviewSession:
    return wait(tmp_path / "ledger.db", SETS, "multilabel")


@pytest.mark.parametrize("name", ["review.jsonl", "review.csv", "review.json"])
def test_decisions_survive_the_way_through_a_file(session: ReviewSession, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(write_review(path, session.read()), encoding="utf-8")
    assert merge(session.read(), read_reviews([path], session.read(), None), None).decisions == ()
    session.decide(
        NewDecision("c001-l01-d01", "correct", ["login"]),
        NewDecision("c001-l01-d02", "correct", ["=delivery", "billing"]),
        NewDecision("c001-l01-d03", "correct", []),
    )
    path.write_text(write_review(path, session.read()), encoding="utf-8")
    second = wait(tmp_path / "second.db", SETS, "multilabel")
    second.decide(*merge(second.read(), read_reviews([path], second.read(), None), None).decisions)
    assert decided(second) == decided(session)
    assert decided(second)["c001-l01-d02"][1] == ["billing", "=delivery"]
    assert decided(second)["c001-l01-d03"][1] == []


def test_label_studio_offers_several_choices(session: ReviewSession) -> None:
    assert 'toName="text" choice="multiple">' in describe_controls(session.read())


def test_the_page_shows_and_takes_sets(session: ReviewSession) -> None:
    client = make_client(session)
    shown = client.get("/api/review", headers=KEY).json()
    assert shown["sets"]
    assert [item["answer"] for item in shown["items"]] == [["billing", "login"], [], ["=delivery"]]
    assert shown["items"][1]["opinions"][0]["label"] == "(none)"
    for name, label in (("c001-l01-d01", "(none)"), ("c001-l01-d03", "=delivery;billing")):
        reply = client.post("/api/decide", json={"id": name, "action": "correct", "label": label}, headers=KEY)
        assert reply.status_code == 200
    assert [answer for _, answer, _ in decided(session).values()] == [[], ["billing", "=delivery"]]
    wrong = client.post("/api/decide", json={"id": name, "action": "correct", "label": "bill"}, headers=KEY)
    assert (wrong.status_code, "did you mean" in wrong.json()["error"]) == (422, True)


def test_the_terminal_takes_numbers_and_labels(session: ReviewSession) -> None:
    typed = io.StringIO("7\n3 1\n0\nLogin; billing\n")
    out = io.StringIO()
    console = Console(file=out, width=80)

    class _Review:
        pending = staticmethod(session.read)

        def decide(self, name: str, action: str, answer: object = None) -> None:
            session.decide(NewDecision(name, action, answer))  # type: ignore[arg-type]

    review: Review = _Review()  # type: ignore[assignment]
    ReviewDialog(console, review, typed.readline).ask()
    assert [answer for _, answer, _ in decided(session).values()] == [
        ["billing", "=delivery"],
        [],
        ["billing", "login"],
    ]
    told = out.getvalue()
    assert "'7': type a, r, s, b, q, numbers from 1 to 3, such as 1 2, 0 for none" in told.replace("\n", " ")
    assert "billing;login" in told
    assert "1, 1 2.. exactly these labels  0 no label" in " ".join(told.split()).replace("labels 0", "labels  0")


def test_an_unknown_label_is_refused(session: ReviewSession) -> None:
    with pytest.raises(InputError, match="unknown label 'bills'"):
        session.decide(NewDecision("c001-l01-d01", "correct", ["bills"]))


@pytest.mark.parametrize("decision", ["accept", "Correct "])
def test_an_emptied_cell_is_neither_the_proposal_nor_the_empty_set(
    session: ReviewSession, tmp_path: Path, decision: str
) -> None:
    path = tmp_path / "review.csv"
    path.write_text(f"id,labels,decision\nc001-l01-d01,,{decision}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r'"labels" is empty; write \(none\) if no label applies'):
        read_reviews([path], session.read(), None)
    path.write_text("id,labels,decision\nc001-l01-d01,,refuse\n", encoding="utf-8")
    assert len(read_reviews([path], session.read(), None)) == 1


def test_an_empty_set_is_described_as_files_write_it() -> None:
    assert describe_answer([]) == NO_LABEL
