import io

import pytest
from rich.console import Console

from evokd.api.record import Run
from evokd.cli.views.call_page import show_call
from evokd.graph.setup.run_folder import RunFolder, write_config
from evokd.messages import InputError
from evokd.tracing.ledger import Ledger
from tests.tracing.rows import call

CONFIG = {
    "domain_folder": "toy",
    "preset": "evokd",
    "settings": {},
    "prompts": {"hash": "abc", "files": {"analyst": "toy-analyst v3"}},
    "data": {},
    "versions": {},
}


def tell(ledger: Ledger, name: str, width: int = 80) -> str:
    """The page of a call, as it is printed."""
    run = Run(RunFolder(ledger.path.parent))
    write_config(run.folder, CONFIG)
    console = Console(record=True, width=width, file=io.StringIO())
    show_call(console, run, ledger, name)
    return console.export_text(styles=False)


def test_a_call_is_told_with_request_reply_and_price(ledger: Ledger) -> None:
    turns = [["system", "Be brief.\n  - two blanks"], ["user", "<message>[red]a[/]</message>"]]
    request = {"turns": turns, "parameters": {"seed": 7, "temperature": None}}
    ledger.record_call(call(request=request, faults=["no JSON"], status="fault", raw='{"a": 1,\n\t"b": 2}'))
    ledger.record_call(call("c001-analyst-2", key="k2", attempt=2))
    told = tell(ledger, "c001-analyst-1")
    lines = [
        "call c001-analyst-1  a reply came and could not be used as it is",
        "analyst, cycle 1, c001, attempt 1: big at http://here/v1",
        "100 tokens read, 10 written, 1.5 s, 0.0100 USD (price: own)",
        "prompt: toy-analyst v3, set abc; response format: json_schema",
        "mended: fence",
        "fault: no JSON",
        "parameters: seed=7, temperature=None",
        "--- system ---\nBe brief.\n  - two blanks\n",
        "--- user ---\n<message>[red]a[/]</message>\n",
        "reply as it came",
        '{"a": 1,\n    "b": 2}',
        "c001-analyst-2 (ok)",
    ]
    places = [told.find(line) for line in lines]
    assert [line for line, place in zip(lines, places, strict=True) if place < 0] == []
    assert places == sorted(places)


def test_the_prompt_is_that_of_the_set_with_which_the_call_was_made(ledger: Ledger) -> None:
    ledger.record_call(call(prompts="old"))
    assert "prompt: set old;" in tell(ledger, "c001-analyst-1")
    roles = {"analyst": {"name": "toy-analyst", "version": 2}}
    ledger.remember("prompts", {"sets": [{"hash": "old", "from_cycle": 0, "roles": roles}]})
    assert "prompt: toy-analyst v2, set old;" in tell(ledger, "c001-analyst-1")


HOSTILE = "\x1b[31mred\x1b]0;t\x07 \x9b31m \u202etxt\u2066 [bold]b[/] [/nope] :bug: \r over"


def test_what_would_steer_a_terminal_is_replaced(ledger: Ledger) -> None:
    request = {"turns": [[HOSTILE, HOSTILE]], "parameters": {HOSTILE: HOSTILE}}
    texts = {"raw": HOSTILE, "faults": [HOSTILE], "flags": [HOSTILE], "model": HOSTILE, "endpoint": HOSTILE}
    ledger.record_call(call(request=request, **texts))
    told = tell(ledger, "c001-analyst-1", width=400)
    assert {char for char in told if not char.isprintable()} == {"\n"}
    assert told.count("[bold]b[/] [/nope] :bug:") == 8


def test_a_reply_of_a_megabyte_is_shown_whole(ledger: Ledger) -> None:
    ledger.record_call(call(raw="x" * 1_000_000))
    assert "x" * 1_000_000 in tell(ledger, "c001-analyst-1", width=40)


def test_an_unknown_call_names_the_nearest(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="'c': not in this run; there are none yet"):
        tell(ledger, "c")
    ledger.record_call(call())
    with pytest.raises(InputError, match=r"not in this run \(did you mean 'c001-analyst-1'\?\)"):
        tell(ledger, "c001-analist-1")
