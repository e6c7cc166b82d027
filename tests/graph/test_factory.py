"""The graph that `langgraph.json` names: LangGraph's tools draw it, run it, stop it and go on with it."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from langgraph.checkpoint.memory import InMemorySaver

from evokd.graph.factory import RunOptions, make_graph
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.messages import InputError
from evokd.tracing.events import read_events
from tests.graph.conftest import run_quick
from tests.graph.toy import QUICK, read_rows

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("word_students")


def quick_settings() -> dict[str, Any]:
    """The settings of a quick run, dotted."""
    pairs = [text.split("=", 1) for text in QUICK if "=" in text]
    return {"stop.cycles": 2, "student.device": "cpu", **{key: yaml.safe_load(value) for key, value in pairs}}


class Tool:
    """What a tool of LangGraph does: it gives the graph a checkpointer and calls it with plain values."""

    def __init__(self, domain: Path) -> None:
        self.saver = InMemorySaver()
        self.runs = domain.parent / "runs"
        self.context = {"domain": str(domain), "settings": quick_settings(), "runs_dir": str(self.runs)}

    async def call(self, start: dict[str, Any] | None, thread: str = "thread-1", **options: Any) -> dict[str, Any]:
        async with make_graph() as graph:
            graph.checkpointer = self.saver
            config: Any = {"configurable": {"thread_id": thread}}
            result = await graph.ainvoke(start, config, context=self.context, **options)
        assert isinstance(result, dict)
        return result


def test_langgraph_json_names_a_factory_that_opens_nothing_for_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]["evokd"]
    path, _, name = named.partition(":")
    spec = importlib.util.spec_from_file_location("loaded_by_a_tool", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)

    async def look() -> tuple[set[str], dict[str, Any], dict[str, Any]]:
        async with getattr(module, name)() as graph:
            drawn = set(graph.get_graph(xray=True).nodes)
            return drawn, graph.get_input_jsonschema(), graph.get_context_jsonschema()

    nodes, start, context = asyncio.run(look())
    assert {"prepare", "analyze", "lesson:generate", "lesson:label", "publish"} <= nodes
    assert "cycle" in start["properties"]
    assert set(context["properties"]) == set(RunOptions.__dataclass_fields__)
    assert list(tmp_path.iterdir()) == []


async def test_a_thread_is_a_run_and_gives_what_the_command_line_gives(toy_domain: Path) -> None:
    tool = Tool(toy_domain)
    state = await tool.call({"cycle": 0})
    folder = RunFolder(tool.runs / "thread-1")
    assert folder.summary.is_file()
    assert not folder.work.exists()
    assert read_events(folder.events)[-1]["event"] == "finished"
    other = await asyncio.to_thread(run_quick, toy_domain)
    ours, theirs = (read_rows(run.path / "dataset" / "train.jsonl") for run in (folder, other))
    assert [row["text"] for row in ours] == [row["text"] for row in theirs]
    assert state["accepted"] == len(theirs)
    with pytest.raises(ResumeError, match="has ended; start a new thread"):
        await tool.call({"cycle": 0})


async def test_a_thread_that_was_stopped_goes_on_and_one_whose_checkpoints_are_gone_begins_again(
    toy_domain: Path,
) -> None:
    tool = Tool(toy_domain)
    await tool.call({"cycle": 0}, interrupt_before=["curate"])
    folder = RunFolder(tool.runs / "thread-1")
    assert not folder.summary.is_file()
    with folder.lock():  # nobody holds it while nothing goes on
        pass
    await tool.call(None)
    assert folder.summary.is_file()
    names = [event["event"] for event in read_events(folder.events)]
    assert (names.count("run_started"), names.count("run_resumed"), names[-1]) == (1, 1, "finished")

    await tool.call({"cycle": 0}, "thread-2", interrupt_before=["train"])
    tool.saver = InMemorySaver()
    await tool.call({"cycle": 0}, "thread-2")
    again = RunFolder(tool.runs / "thread-2")
    texts = [[row["text"] for row in read_rows(run.path / "dataset" / "train.jsonl")] for run in (folder, again)]
    assert texts[0] == texts[1]


async def test_wrong_options_are_one_error_and_leave_nothing(toy_domain: Path) -> None:
    tool = Tool(toy_domain)
    tool.context["settings"] = {"student.stepz": 3}
    with pytest.raises(InputError, match=r"settings: unknown key 'student.stepz'"):
        await tool.call({"cycle": 0})
    tool.context["settings"] = "student.steps=3"
    with pytest.raises(InputError, match=r"^context: settings is a mapping, got 'student.steps=3'$"):
        await tool.call({"cycle": 0})
    assert not tool.runs.exists()
