"""The rules of the house that no linter holds: directions of imports, sizes, banned calls, packaging."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("agents", "domains", "graph", "prompts", "student", "tracing")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


SHIPPED = [ROOT / "main.py", *sources(*ROOMS)]
OURS = [*SHIPPED, *sources("tests", "benchmarks")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


# ------------------------------------------------------------------------------------------- directions of imports


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    command = [str(tool), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_imports_point_one_way() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(PYPROJECT['tool']['importlinter']['contracts'])} kept, 0 broken." in done.stdout


BROKEN = {
    "tracing_knows_an_agent": ("tracing/text.py", "from agents.teacher import Teacher"),
    "student_knows_the_graph": ("student/jobs.py", "import graph.state"),
    "agents_know_the_student": ("agents/forms.py", "from student.tasks import codec"),
    "messages_know_anything": ("agents/messages.py", "from agents.parse import parse_reply"),
    "prompts_know_the_agents": ("prompts/loader.py", "from agents.briefing import Briefing"),
    "a_room_knows_the_command_line": ("graph/run.py", "import main"),
}


@pytest.mark.parametrize(("place", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_the_contracts_would_see_an_import_the_other_way(tmp_path: Path, place: str, line: str) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.jsonl"))
    for name in ("main.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / place).open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef _late() -> None:\n    {line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


# ------------------------------------------------------------------------------------------------ files and their text


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name_of)
def test_an_init_holds_a_docstring_alone_and_tells_what_a_room_must_not_know(path: Path) -> None:
    if path.name != "__init__.py":
        assert (path.parent / "__init__.py").is_file()
        return
    module = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(module)
    assert docstring
    assert len(module.body) == 1
    has_code = len(list(path.parent.glob("*.py"))) > 1
    if has_code or path.parent.parent == ROOT:
        assert len([line for line in docstring.splitlines() if line.strip()]) >= 2
        assert re.search(r"must not know", docstring, re.IGNORECASE)


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_a_file_is_no_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


BANNED_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_nothing_that_runs_code_out_of_data(path: Path) -> None:
    assert {module.split(".")[0] for module in imports(path)} & BANNED_MODULES == set()
    for node in nodes(path):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            trust = [word for word in node.keywords if word.arg == "trust_remote_code"]
            assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "torch.load"), (
                called
            )
            assert all(isinstance(word.value, ast.Constant) and word.value.value is False for word in trust), called


@pytest.mark.parametrize("path", sources("graph"), ids=name_of)
def test_the_graph_names_no_task(path: Path) -> None:
    tasks = {"classification", "ner"}
    strings = {node.value for node in nodes(path) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert strings & tasks == set()


# ------------------------------------------------------------------------------------------------------- packaging


def test_every_package_is_listed_and_every_listed_one_is_there() -> None:
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    found = {name_of(path.parent).replace("/", ".") for path in SHIPPED if path.name == "__init__.py"}
    assert sorted(listed) == sorted(found)
    assert PYPROJECT["tool"]["setuptools"]["py-modules"] == ["main"]


def test_every_data_file_is_in_a_package_and_matched_by_a_pattern() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
    packages = {ROOT / name.replace(".", "/") for name in PYPROJECT["tool"]["setuptools"]["packages"]}
    data = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    ]
    kinds = {path.suffix for path in data}
    assert kinds >= {".md", ".sql", ".yaml", ".jsonl"}
    assert [name_of(path) for path in data if path.parent not in packages] == []
    assert [name_of(path) for path in data if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def test_the_installed_command_is_there() -> None:
    module, _, function = PROJECT["scripts"]["evokd"].partition(":")
    tree = ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)>=(?P<lower>\d+(\.\d+)*),<(?P<upper>\d+)")
DEPENDENCIES = [
    *PROJECT["dependencies"],
    *(line for lines in PROJECT["optional-dependencies"].values() for line in lines),
]
BUILD = PYPROJECT["build-system"]["requires"]


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *BUILD])
def test_a_dependency_has_a_lower_bound_and_a_major_version_as_upper_bound(requirement: str) -> None:
    found = REQUIREMENT.fullmatch(requirement)
    assert found, f"{requirement}: write name>=LOWER,<MAJOR"
    assert int(found["upper"]) > int(found["lower"].split(".")[0])


def plain_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_pin_every_dependency_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {}
    for line in lines:
        requirement = line.split("#")[0].split(";")[0].strip()
        if requirement:
            name, equal, version = requirement.partition("==")
            assert equal, f"constraints.txt: {line!r} is no pin"
            pins[plain_name(name.strip())] = version.strip()
    for requirement in DEPENDENCIES:
        found = REQUIREMENT.fullmatch(requirement)
        assert found
        assert plain_name(found["name"]) in pins, f"constraints.txt does not pin {found['name']}"
        version = [int(part) for part in re.findall(r"\d+", pins[plain_name(found["name"])].split("+")[0])]
        assert [int(part) for part in found["lower"].split(".")] <= version < [int(found["upper"])], requirement


def test_a_third_party_module_that_is_imported_is_a_dependency() -> None:
    modules = {"yaml": "pyyaml", "sklearn": "scikit-learn"}
    arrive_with = {
        "scipy": "scikit-learn",
        "click": "typer",
        "huggingface_hub": "transformers",
        "httpx": "transformers",
    }
    modules.update(arrive_with)
    local = {*ROOMS, "main", *sys.stdlib_module_names}
    optional = {"pyarrow"}
    named = {plain_name(line.split(">")[0]) for line in PROJECT["dependencies"]}
    used = {module.split(".")[0] for path in SHIPPED for module in imports(path)} - local - optional
    missing = {module for module in used if plain_name(modules.get(module, module)) not in named}
    assert missing == set()
