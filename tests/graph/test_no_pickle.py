"""No pickle in the code or in a run folder, and nothing but plain data comes out of a checkpoint."""

import ast
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from starlette.applications import Starlette

from tests.conftest import ServeApp
from tests.graph.conftest import run_quick
from tests.graph.toy import QUICK, WordStudent

ROOT = Path(__file__).parents[2]
ROOMS = (
    "agents",
    "benchmarks",
    "cli",
    "domains",
    "experiments",
    "graph",
    "messages",
    "prompts",
    "simulator",
    "student",
    "tracing",
)
BANNED_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "dbm"}
BANNED_CALLS = {
    "eval",
    "exec",
    "torch.load",
    "torch.save",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in [ROOT / "main.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def find_faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"{node.lineno}: {name}" for name in names if name.split(".")[0] in BANNED_MODULES)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in BANNED_CALLS or called.split(".")[0] in BANNED_MODULES:
                yield f"{node.lineno}: {called}"
            if called == "yaml.load" and [ast.unparse(argument) for argument in node.args[1:]] != ["_Loader"]:
                yield f"{node.lineno}: yaml.load without the safe loader"
            unsafe = ("allow_pickle", "trust_remote_code", "pickle_fallback", "shell")
            yield from (f"{node.lineno}: {name}" for name in unsafe if options.get(name, "False") != "False")


def test_no_module_reads_or_writes_what_can_run_code() -> None:
    found = list(modules())
    assert len(found) > 90
    assert {f"{path.relative_to(ROOT)}:{fault}" for path, tree in found for fault in find_faults(tree)} == set()


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from joblib import dump", "import numpy as n\nn.load(p, allow_pickle=True)", "eval('1')"),
        *(
            "torch.load(p)",
            "yaml.load(t)",
            "yaml.load(t, yaml.Loader)",
            "AutoModel.from_pretrained(p, trust_remote_code=x)",
        ),
    ],
)
def test_the_search_finds_what_it_is_for(code: str) -> None:
    assert list(find_faults(ast.parse(code)))


def test_a_run_folder_holds_no_pickle(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain)
    paths = [path for path in folder.path.rglob("*") if path.is_file()]
    assert len(paths) > 5
    for path in paths:
        raw = path.read_bytes()
        assert path.suffix not in (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".npy", ".npz")
        assert not (raw[:1] == b"\x80" and raw[1:2] in b"\x02\x03\x04\x05"), path
        assert b"data.pkl" not in raw, path
    kinds, extensions = read_checkpoints(folder.checkpoints)
    assert kinds <= {"msgpack", "json", "null", "empty", "bytes"}
    assert extensions <= {("langgraph.types", "Send"), ("langgraph.types", "Overwrite")}


def read_checkpoints(path: Path) -> tuple[set[str], set[Any]]:
    """The serialisations in a checkpoint store, and the types named in them."""
    named: set[Any] = set()

    def note(_: int, data: bytes) -> None:
        parts = ormsgpack.unpackb(data, ext_hook=note, option=ormsgpack.OPT_NON_STR_KEYS)
        named.add((parts[0], parts[1]))

    with sqlite3.connect(path) as store:
        rows = [
            *store.execute("SELECT type, checkpoint FROM checkpoints"),
            *store.execute("SELECT type, value FROM writes"),
        ]
    store.close()
    assert len(rows) > 10
    for kind, value in rows:
        if kind == "msgpack":
            ormsgpack.unpackb(value, ext_hook=note, option=ormsgpack.OPT_NON_STR_KEYS)
    return {kind for kind, _ in rows}, named


RUNNER = """
import sys
import evokd.graph.open_context
import evokd.graph.runner
from evokd.cli import main
from tests.graph.toy import WordStudent
evokd.graph.open_context.StudentClient = WordStudent
assert not [name for name in sys.modules if name.startswith("langgraph.checkpoint")], "read before it is set to strict"
code = main.run_cli(sys.argv[1:])
from langgraph.checkpoint.serde import _msgpack
assert _msgpack.STRICT_MSGPACK_ENABLED
sys.exit(code)
"""


def call_on_unpickling(module: str, name: str, argument: str) -> bytes:
    """What a reader of pickles calls: `module.name(argument)`, in the oldest protocol, which is text."""
    return f"c{module}\n{name}\n(S{argument!r}\ntR.".encode()


def call_on_reading(module: str, name: str, argument: str) -> bytes:
    """What a permissive reader of LangGraph's msgpack calls: `module.name(argument)` (extension 0: one argument)."""
    return ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb((module, name, argument))))


def test_what_the_next_test_puts_into_checkpoints_runs_where_it_is_let(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    value = call_on_reading("os", "mkdir", str(trace))
    JsonPlusSerializer(allowed_msgpack_modules=None).loads_typed(("msgpack", value))
    assert not trace.exists()
    JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(("msgpack", value))
    assert trace.exists()


def test_a_checkpoint_with_a_foreign_type_runs_nothing(toy_domain: Path, tmp_path: Path, serve_app: ServeApp) -> None:
    runs, trace = tmp_path / "runs", tmp_path / "trace"
    nothing = serve_app(Starlette())  # a server that knows no address, so that the first call parks the run
    where = ["--teacher", "m", "--base-url", f"{nothing}/v1", "--set", "teacher.retries=0"]

    def evokd(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", RUNNER, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    parked = evokd("run", str(toy_domain), *QUICK, *where, "--runs-dir", str(runs), "--run-id", "one")
    assert parked.returncode == 3, parked.stderr
    values = [
        ("msgpack", call_on_reading("os", "mkdir", str(trace))),
        ("pickle", call_on_unpickling("os", "mkdir", str(trace))),
    ]
    with sqlite3.connect(runs / "one" / "checkpoints.db") as store:
        for odd, (kind, value) in enumerate(values):
            done = store.execute("UPDATE writes SET type = ?, value = ? WHERE rowid % 2 = ?", (kind, value, odd))
            assert done.rowcount > 0
    store.close()
    resumed = evokd("resume", str(runs / "one"))
    assert resumed.returncode != 0
    assert not trace.exists()
