"""A small hand-written corpus of four news desks, and shorthands to ask the rehearsal teacher."""

import json
from typing import Any

from evokd.simulator.corpus import Corpus, CorpusRow

MEANINGS = {
    "World": "foreign politics, war and disasters",
    "Sports": "games, athletes and results",
    "Business": "companies, markets and money",
    "Tech": "computers, software and research",
}
TEXTS = {
    "World": [
        "Ministers of both countries met at the border to end the war",
        "The president flew to the capital to sign the peace treaty",
        "Rebels shelled the northern town while the government kept silent",
        "Thousands fled the flood after the river broke its dam",
        "The parliament voted to send soldiers to the border",
        "An earthquake shook the coast and rescue teams are on their way",
        "The opposition calls the election a fraud and goes to the streets",
        "Diplomats left the talks on the treaty without a word",
        "The government fell after a vote of no confidence",
        "Oil sanctions against the government hit the market of the capital",
        "The embassy was closed after a bomb threat",
        "Hackers in the pay of a foreign government attacked the election computers",
    ],
    "Sports": [
        "The striker scored twice and the team won the cup final",
        "She ran the marathon in a new record time",
        "The coach was sacked after the fifth defeat in a row",
        "A late goal gave the home team a draw",
        "The champion lost in the first round of the tournament",
        "The goalkeeper saved a penalty in the last minute",
        "The club signed the young striker for three seasons",
        "Rain stopped the match in the second set",
        "The swimmer won gold and broke the world record",
        "The club sold its stadium to an investor for forty million",
        "Fans of the team clashed with police before the match",
        "The league tests software that spots a goal on its own",
    ],
    "Business": [
        "The bank cut its forecast and the shares fell by five percent",
        "Profits of the car maker doubled in the third quarter",
        "The two airlines agreed on a merger worth nine billion",
        "Oil prices rose while investors waited for the central bank",
        "The retailer closes forty shops and cuts a thousand jobs",
        "Shares of the bank recovered after strong profits",
        "The central bank left its interest rate unchanged",
        "Investors bought bonds as the market fell",
        "The company bought back its own shares",
        "The chip maker's profits rose on strong sales of computers",
        "A war in the region drove the price of oil and gold",
        "The sports shoe company lost its contract with the champion",
    ],
    "Tech": [
        "A new chip runs software twice as fast on less power",
        "Researchers taught a robot to fold shirts",
        "The browser update closes a hole that hackers used",
        "The telescope found water on a distant planet",
        "A virus spread to a million computers in one day",
        "The search engine now answers questions in whole sentences",
        "Scientists printed a working heart valve",
        "The phone unlocks when its owner smiles",
        "Open software now runs most of the servers of the net",
        "The software company paid nine billion for a small chip maker",
        "Computers predict the flood of a river a week ahead",
        "A robot team won the football cup of the research institutes",
    ],
}
SEEDS = [texts[0] for texts in TEXTS.values()]
LABEL_OF = {text: label for label, texts in TEXTS.items() for text in texts}


def make_corpus(never: list[str] | None = None) -> Corpus:
    rows = [CorpusRow(text=text, answer=label) for text, label in LABEL_OF.items()]
    return Corpus(rows, SEEDS if never is None else never)


def make_plan(
    *, quotas: dict[str, tuple[int, int]] | None = None, guided: bool = True, **changes: Any
) -> dict[str, Any]:
    """A lesson plan; quotas: label -> (hard, easy)."""
    wanted = quotas or {"Tech": (2, 2), "Business": (1, 1)}
    return {
        "mode": "write",
        "weakness": {
            "name": "Tech taken for Business",
            "pattern": "Texts on chip makers" if guided else "",
            "labels": ["Tech", "Business"],
            "advice": 'Write about "software" companies that pay' if guided else "",
        },
        "labels": MEANINGS,
        "quotas": [{"label": label, "hard": hard, "easy": easy} for label, (hard, easy) in wanted.items()],
        "examples": [],
        "avoid": [],
    } | changes


def make_batch(texts: list[str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    drafts = [{"id": f"d{at}", "text": text} for at, text in enumerate(texts)]
    return {"labels": MEANINGS if labels is None else labels, "drafts": drafts}


def make_case(name: str, text: str, gold: str, predicted: str, verdict: str, confidence: float = 0.6) -> dict[str, Any]:
    return {
        "id": name,
        "text": text,
        "gold": gold,
        "predicted": predicted,
        "confidence": confidence,
        "verdict": verdict,
    }


def make_packet(cases: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "cycle": 1,
        "task": "classification",
        "labels": MEANINGS,
        "report": [
            {"label": label, "precision": 0.5, "recall": 0.5, "f1": f1, "support": 9}
            for label, f1 in zip(MEANINGS, (0.9, 0.8, 0.4, 0.6), strict=True)
        ],
        "confusions": [],
        "weaknesses": [],
        "cases": cases,
    } | changes


def make_request(kind: str, message: dict[str, Any], **changes: Any) -> dict[str, Any]:
    block = json.dumps(message, ensure_ascii=False).replace("<", "\\u003c")
    turn = {"role": "user", "content": f'Please answer.\n<message kind="{kind}">{block}</message>'}
    return {"model": "any-model", "messages": [{"role": "system", "content": "You are."}, turn]} | changes
