"""A small sound domain of each task, and what can be wrong with one, as tables: command, file, what is told.

`HERE` stands for the folder that a test writes into; a content of None takes the file away, a folder ends with "/".
"""

import gzip
from collections.abc import Mapping
from typing import NamedTuple

Content = str | bytes | None
DOMAIN = """name: mill
task: classification
language: en
description: "Notes that visitors leave at a water mill."
labels:
  praise: "the visitor liked something"
  repair: "something is broken"
data:
  seeds: seeds.csv
  validation: validation.jsonl
prompts: prompts
"""
LABELS = DOMAIN[DOMAIN.index("labels:") : DOMAIN.index("data:")]
SEEDS = "text,label\nThe wheel is a joy to watch,praise\nThe third stair is loose,repair\n"
VALIDATION = (
    '{"text": "Best flour in the valley", "label": "praise"}\n{"text": "The sluice leaks", "label": "repair"}\n'
)
LABELER = """---
name: mill-labeler
version: 1
description: Labels notes.
inputs: [description, schema]
reply: LabelReply
---
You label notes. {{ description }} A `draft_batch` follows: `labels`, `examples`, `drafts`; `confidence` is yours.
{{ schema }}
"""
NAMES = """name: names
task: ner
language: en
description: "Who works at the mill."
labels:
  person: "a person by name"
  place: "a place by name"
data:
  seeds: seeds.jsonl
"""
ROBIN = '{"text": "Robin left Ely", "entities": [%s]}\n'
SPANS = ROBIN % '{"start": 0, "end": 5, "label": "person"}, {"start": 11, "end": 14, "label": "place"}'
SOUND: Mapping[str, Content] = {
    "mill/domain.yaml": DOMAIN,
    "mill/seeds.csv": SEEDS,
    "mill/validation.jsonl": VALIDATION,
    "mill/prompts/labeler.md": LABELER,
    "names/domain.yaml": NAMES,
    "names/seeds.jsonl": SPANS,
}


class Fault(NamedTuple):
    """One fault: the file that has it, what the command is told, and with which command it is met."""

    file: str
    content: Content
    told: tuple[str, ...]
    command: str = "check mill"


def domain(old: str, new: str, *told: str, command: str = "check mill") -> Fault:
    """A fault of the domain file."""
    assert old in DOMAIN
    return Fault("mill/domain.yaml", DOMAIN.replace(old, new, 1), told, command)


def seeds(content: Content, *told: str) -> Fault:
    """A fault of the labelled file."""
    return Fault("mill/seeds.csv", content, told)


def entities(*told: str, spans: str = "", rows: str | None = None, conll: str | None = None) -> Fault:
    """A fault of the entities: spans of a sentence, whole rows, or a CoNLL file instead."""
    if conll is not None:
        return Fault("names/seeds.jsonl", conll, told, "check names --conll")
    return Fault("names/seeds.jsonl", rows if rows is not None else ROBIN % spans, told, "check names")


def prompt(old: str, new: str, *told: str, command: str = "check mill") -> Fault:
    """A fault of a prompt."""
    assert old in LABELER
    return Fault("mill/prompts/labeler.md", LABELER.replace(old, new, 1), told, command)


FILE = "mill/domain.yaml:"
DOMAINS: Mapping[str, Fault] = {
    "no such folder": Fault("x", "", ("'mil'", "did you mean 'mill'?"), "check mil"),
    "no domain.yaml": Fault("mill/domain.yaml", None, ("mill", "domain.yaml")),
    "an empty domain.yaml": Fault("mill/domain.yaml", "", ("mill/domain.yaml: ", "empty")),
    "a misspelt key": domain("language:", "langauge:", FILE + "3:", "'langauge'", "did you mean 'language'?"),
    "a misspelt key of data": domain("validation:", "validaton:", FILE + "10", "validaton", "'validation'"),
    "a misspelt setting": domain(
        "prompts:", "student:\n  tunee: head\nprompts:", FILE + "12:", "student.tunee", "'student.tune'"
    ),
    "a wrong type": domain("language: en", "language: [en]", FILE + "3: language:", "text"),
    "a number for a name": domain("name: mill", "name: 7", FILE + "1: name:", "text"),
    "a key twice": domain("language: en", "language: en\nlanguage: de", FILE + "4:", "'language'", "twice"),
    "a tab": domain("  praise:", "\tpraise:", FILE + "6:", "tab"),
    "an object of Python": domain('"Notes', '!!python/object:os.system "Notes', FILE + "4:", "tag"),
    "an alias": domain("name: mill", "name: &n mill\ntask: *n", FILE, "alias"),
    "a list for a mapping": Fault(
        "mill/domain.yaml", "- name: mill\n", ("mill/domain.yaml:1:", "got a list", "name: value")
    ),
    "labels as a list": domain(LABELS, "labels: [praise, repair]\n", FILE, "labels: write one line per label"),
    "a label without a meaning": domain(' "something is broken"', "", FILE, "'repair' has no meaning"),
    "a label that YAML reads as no": domain("  repair:", "  no:", FILE, "put it in quotes"),
    "a path outside the folder": domain("seeds.csv", "../seeds.csv", FILE + "9: data.seeds:", "outside"),
    "an absolute path": domain("seeds.csv", "/etc/passwd", FILE + "9: data.seeds:", "outside"),
    "a file that is not there": domain(
        "seeds.csv", "seed.csv", "mill/seed.csv: no such file", "'seeds.csv'", FILE + "9"
    ),
    "no seeds": domain("  seeds: seeds.csv\n", "", "data.seeds", "add it"),
    "no such folder of prompts": domain("prompts: prompts", "prompts: promts", "promts", "domain.yaml"),
    "a metric of another task": domain("data:", "metric: entity_f1\ndata:", FILE + "8:", "entity_f1", "macro_f1"),
    "an unknown task": domain("classification", "clasification", FILE + "2:", "did you mean 'classification'?"),
    "an empty language": domain("language: en", 'language: ""', FILE + "3: language"),
    "an unknown language of prompts": domain("data:", "prompt_language: fr\ndata:", FILE + "8:", "en", "de", "zh"),
    "a label twice, but for a blank": domain("  repair:", "  praise :", FILE + "7:", "'praise'", "twice"),
    "no colon": domain("name: mill", "name mill", FILE + "2:"),
    "an open quote": domain('"something is broken"', '"something is broken', FILE),
}

ONE = "mill/seeds.csv:"
DATA: Mapping[str, Fault] = {
    "no column of labels": seeds(
        "text,queue\nIt leaks,repair\n", ONE + "2:", '"label" is missing', "its columns are text, queue"
    ),
    "no column of texts": seeds("note,label\nIt leaks,repair\n", ONE + "1:", 'lacks "text"', "columns: {text: NAME"),
    "a column that is not there": domain("prompts:", "  columns: {text: Body}\nprompts:", ONE + "1:", "'Body'"),
    "mixed separators": seeds(
        "text,label\nIt leaks;repair\n", ONE + "2:", "1 cell where", "parted by semicolons, the header by commas"
    ),
    "a NUL byte": seeds("text,label\nIt le\0aks,repair\n", ONE + "2:", "NUL", "UTF-8"),
    "UTF-16": seeds(SEEDS.encode("utf-16"), ONE + "1:", "UTF-16", "save the file with encoding UTF-8"),
    "Windows-1252": seeds(SEEDS.replace("joy", "pleasure \u2013").encode("cp1252"), ONE + "2:", "0x96", "UTF-8"),
    "a row too short": seeds(SEEDS + "It leaks\n", ONE + "4:", "1 cell", "2"),
    "a row too long": seeds(SEEDS + "It leaks, and how,repair\n", ONE + "4:", "3 cells", "quotes"),
    "an unknown label": seeds(SEEDS + "It leaks,reapir\n", ONE + "4:", "'reapir'", "did you mean 'repair'?"),
    "a label left empty": seeds(SEEDS + "It leaks,\n", ONE + "4:", "label is empty"),
    "an empty text": seeds(SEEDS + ",repair\n", ONE + "4:", "text"),
    "a folder": Fault("mill/seeds.csv/", None, ("mill/seeds.csv", "folder")),
    "gzip": seeds(gzip.compress(SEEDS.encode(), mtime=0), "mill/seeds.csv", "gzip; unpack it"),
    "a workbook": seeds(b"PK\x03\x04more", "mill/seeds.csv", ".xlsx", "save it as CSV"),
    "an old workbook": seeds(b"\xd0\xcf\x11\xe0more", "mill/seeds.csv", "old Excel", "save it as CSV"),
    "no rows": seeds("text,label\n", "mill/seeds.csv", "no rows"),
    "an empty file": seeds("", "mill/seeds.csv", "no rows"),
    "a quote never closed": seeds(SEEDS + '"It leaks,repair\n', ONE + "4:", "never closed"),
    "a column twice": seeds("text,text,label\na,b,repair\n", ONE + "1:", "'text'", "twice"),
    "a label without an example": seeds(SEEDS.replace("repair", "praise"), "mill/seeds.csv", "'repair'"),
    "a line of JSON cut off": Fault(
        "mill/validation.jsonl", VALIDATION + '{"text": "It le\n', ("mill/validation.jsonl:3:", "JSON")
    ),
    "a list instead of lines of JSON": Fault(
        "mill/validation.jsonl", '[{"text": "a", "label": "praise"}]\n', ("mill/validation.jsonl:1:", "object")
    ),
    "a key of JSON twice": Fault(
        "mill/validation.jsonl", '{"text": "a", "text": "b", "label": "praise"}\n', ("validation.jsonl:1:", "twice")
    ),
    "a label that is a number": Fault(
        "mill/validation.jsonl", '{"text": "It leaks", "label": 1}\n', ("mill/validation.jsonl:1:", "1")
    ),
    "an entity beyond the text": entities("seeds.jsonl:1:", "14", spans='{"start": 11, "end": 40, "label": "place"}'),
    "an entity that ends before it starts": entities(
        "seeds.jsonl:1:", spans='{"start": 5, "end": 0, "label": "place"}'
    ),
    "entities that overlap": entities(
        "seeds.jsonl:1:",
        "entity 0-10 (place) holds 0-5 (person)",
        spans='{"start": 0, "end": 5, "label": "person"}, {"start": 0, "end": 10, "label": "place"}',
    ),
    "an entity that cuts a word": entities("seeds.jsonl:1:", "word", spans='{"start": 0, "end": 3, "label": "person"}'),
    "an unknown type": entities(
        "seeds.jsonl:1:", "did you mean 'person'?", spans='{"start": 0, "end": 5, "label": "persn"}'
    ),
    "offsets as text": entities("seeds.jsonl:1:", "start", spans='{"start": "0", "end": 5, "label": "person"}'),
    "a tag short": entities("seeds.jsonl:1:", "2", "1", rows='{"tokens": ["Robin", "left"], "tags": ["B-person"]}\n'),
    "an unknown tag": entities("seeds.jsonl:1:", "'X-person'", rows='{"tokens": ["Robin"], "tags": ["X-person"]}\n'),
    "a tag that continues nothing": entities(
        "seeds.conll:2:", "I-place", conll="Robin B-person\nleft I-place\nEly B-place\n"
    ),
    "a token without a tag": entities("seeds.conll:2:", conll="Robin B-person\nleft\nEly B-place\n"),
}

PLACE = "mill/prompts/labeler.md:"
PROMPTS: Mapping[str, Fault] = {
    "an undeclared input": prompt("[description, schema]", "[schema]", PLACE + "8:", "'description'"),
    "an unused input": prompt("[description,", "[description, labels,", PLACE + "5:", "'labels'", "remove it"),
    "a misspelt input": prompt("{{ description", "{{ descripton", PLACE + "8:", "did you mean 'description'?"),
    "no head": prompt(LABELER[: LABELER.index("You")], "", PLACE[:-1], "front matter", "---"),
    "a head that never ends": prompt("LabelReply\n---\n", "LabelReply\n", PLACE[:-1], "---"),
    "a version that is no number": prompt("version: 1", "version: one", PLACE + "3:", "version", "whole number"),
    "a misspelt key": prompt("inputs:", "input:", PLACE + "5:", "'input'", "did you mean 'inputs'?"),
    "the reply of another role": prompt("LabelReply", "AnalystReply", PLACE + "6:", "LabelReply"),
    "a brace never closed": prompt("{{ description }}", "{{ description", PLACE + "8:"),
    "an unknown filter": prompt("{{ description }}", "{{ description | shout }}", PLACE + "8:", "shout"),
    "an unknown partial": prompt("{{ schema }}", '{% include "anser_form" %}', PLACE + "9:", "'answer_form'"),
    "UTF-16": Fault("mill/prompts/labeler.md", LABELER.encode("utf-16"), ("mill/prompts/labeler.md", "UTF-8")),
    "a prompt of no agent": Fault("mill/prompts/labeller.md", LABELER, ("labeller.md", "did you mean 'labeler'?")),
    "an empty prompt": Fault("mill/prompts/labeler.md", "", ("mill/prompts/labeler.md", "front matter")),
    "a prompt that is a folder": Fault("mill/prompts/labeler.md/", None, ("mill/prompts/labeler.md", "folder")),
    "no form of the reply": prompt("{{ schema }}\n", "", PLACE + "5:", "'schema'"),
    "a role that there is not": Fault("x", "", ("'labeller'", "'labeler'?"), "prompts show mill labeller"),
    "a copy over a file": Fault(
        "x", "", ("mill/prompts/labeler.md", "there already", "remove it"), "prompts copy mill labeler"
    ),
}

INPUTS: Mapping[str, Fault] = {
    "predict, no such file": Fault("x", "", ("in.cvs: no such file",), "predict RUN in.cvs"),
    "predict, no such column": Fault(
        "in.csv", "Body\nhello\n", ("in.csv:1:", "found 'Body'", "--text-column"), "predict RUN in.csv"
    ),
    "predict, a misspelt column": Fault(
        "in.csv",
        "Body\nhello\n",
        ("in.csv:1:", "'Bdy'", "did you mean 'Body'?"),
        "predict RUN in.csv --text-column Bdy",
    ),
    "predict, onto the input": Fault(
        "in.csv", "text\nhello\n", ("--output in.csv: is the input",), "predict RUN in.csv --output in.csv"
    ),
    "predict, a folder that is not there": Fault(
        "in.csv", "text\nhello\n", ("gone", "make it"), "predict RUN in.csv --output gone/out.csv"
    ),
    "predict, an unknown ending": Fault(
        "in.csv", "text\nhello\n", ("out.xls", ".csv"), "predict RUN in.csv --output out.xls"
    ),
    "predict, an unknown ending of the input": Fault("in.xls", "text\nhello\n", ("in.xls",), "predict RUN in.xls"),
    "predict, an unknown format": Fault(
        "in.csv", "text\na\n", ("--format cvs", "'csv'?"), "predict RUN in.csv --format cvs"
    ),
    "predict, an empty file": Fault("in.csv", "", ("in.csv: no texts",), "predict RUN in.csv"),
    "predict, no rows": Fault("in.csv", "text\n", ("in.csv: no texts",), "predict RUN in.csv"),
    "predict, a picture": Fault("in.csv", b"\x89PNG\r\n\x1a\n\0\0", ("in.csv",), "predict RUN in.csv"),
    "predict, a picture named .txt": Fault("in.txt", b"\x89PNG\r\n\x1a\n\0\0", ("in.txt",), "predict RUN in.txt"),
    "predict, a column of answers is there": Fault(
        "in.csv",
        "text,predicted_label\na,b\n",
        ("'predicted_label'", "--prefix"),
        "predict RUN in.csv --output out.csv",
    ),
    "predict, 7 is no confidence": Fault(
        "in.csv", "text\na\n", ("--reject", "0 to 1"), "predict RUN in.csv --reject 7"
    ),
    "predict, a folder": Fault("in.csv/", None, ("in.csv", "folder"), "predict RUN in.csv"),
    "predict, a run that is not there": Fault("in.csv", "text\na\n", ("'exmple'",), "predict exmple in.csv"),
    "eval, no labels": Fault("in.csv", "text\na\n", ("in.csv:2:", '"label" is missing'), "eval RUN in.csv"),
    "eval, an unknown label": Fault(
        "in.csv", "text,label\na,cancel_plam\n", ("in.csv:2:", "'cancel_plan'?"), "eval RUN in.csv"
    ),
    "eval, a row without a label": Fault(
        "in.csv", "text,label\na,\n", ("in.csv:2:", "no row has a label"), "eval RUN in.csv"
    ),
    "eval, no rows": Fault("in.csv", "text,label\n", ("in.csv", "no rows"), "eval RUN in.csv"),
    "eval, a misspelt column": Fault(
        "in.csv", "text,Queue\na,b\n", ("in.csv:1:", "'Queu'", "'Queue'?"), "eval RUN in.csv --label-column Queu"
    ),
    "export, an unknown format": Fault("x", "", ("'hff'", "'hf'?"), "export RUN --format hff --to out"),
    "export, into a folder with files": Fault("out/a", "b", ("out", "empty"), "export RUN --format hf --to out"),
    "export, onto a file": Fault("out", "b", ("out",), "export RUN --format hf --to out"),
    "export, entities where there are none": Fault(
        "x", "", ("conll", "--format dataset"), "export RUN --format conll --to out"
    ),
    "export, below a file": Fault("a", "b", ("a",), "export RUN --format hf --to a/out"),
    "init, a folder with files": Fault("x", "", ("mill", "is there"), "init mill --from mill/seeds.csv"),
    "init, a name that is none": Fault("x", "", ("a b",), "init 'a b' --from mill/seeds.csv"),
    "init, a misspelt task": Fault("x", "", ("--task", "classification"), "init new --task clasification"),
    "init, no such column": Fault("x", "", ("'txt'", "'text'?"), "init new --from mill/seeds.csv --text-column txt"),
    "check, an unknown setting": Fault(
        "x", "", ("student.tun'", "'student.tune'"), "check mill --set student.tun=head"
    ),
    "check, a setting of a wrong type": Fault(
        "x", "", ("student.steps", "many"), "check mill --set student.steps=many"
    ),
    "check, an unknown preset": Fault("x", "", ("'zerogn'", "'zerogen'"), "check mill --preset zerogn"),
    "check, a misspelt option": Fault("x", "", ("--suspcts", "--suspects"), "check mill --suspcts 3"),
    "a misspelt command": Fault("x", "", ("'chek'", "'check'"), "chek mill"),
}

ID = "<ID>"
"""Stands for the id of a text that waits."""
HEAD = "id,label,decision,reviewer\n"
REVIEWS: Mapping[str, Fault] = {
    "an unknown id": Fault("r.csv", HEAD + "c009-l01-d01,,accept,\n", ("r.csv:2:", "c009-l01-d01"), "--in r.csv"),
    "an unknown decision": Fault("r.csv", HEAD + f"{ID},,acept,\n", ("r.csv:2:", "'accept'?"), "--in r.csv"),
    "an unknown label": Fault(
        "r.csv", HEAD + f"{ID},cancel_plam,correct,\n", ("r.csv:2:", "cancel_plan"), "--in r.csv"
    ),
    "two decisions on a text": Fault(
        "r.csv", HEAD + f"{ID},,accept,Ana\n{ID},,refuse,Ben\n", (ID, "accept", "refuse", "--prefer"), "--in r.csv"
    ),
    "no column of decisions": Fault("r.csv", "id,text,label\n", ("r.csv:1:", "'decision'"), "--in r.csv"),
    "an open quote": Fault("r.csv", HEAD + f'"{ID},,accept,\n', ("r.csv:2:", "save it as CSV"), "--in r.csv"),
    "an empty file": Fault("r.csv", "", ("r.csv: the file is empty",), "--in r.csv"),
    "UTF-16": Fault("r.csv", HEAD.encode("utf-16"), ("r.csv", "UTF-8"), "--in r.csv"),
    "a line of JSON cut off": Fault("r.jsonl", '{"id": "c0\n', ("r.jsonl:1:", "JSON"), "--in r.jsonl"),
    "no such file": Fault("x", "", ("r.csv", "no such file"), "--in r.csv"),
    "an unknown ending": Fault("r.xlsx", "", ("r.xlsx", ".csv"), "--in r.xlsx"),
    "over a file that is there": Fault("r.csv", HEAD, ("r.csv", "is there"), "--out r.csv"),
    "into a folder that is not there": Fault("x", "", ("no folder gone", "make it"), "--out gone/r.csv"),
}
