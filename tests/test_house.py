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
ROOMS = tuple(sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "benchmarks"))
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


SHIPPED = [*sorted(ROOT.glob("*.py")), *sources(*ROOMS)]
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


def lint_imports(folder: Path, *only: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    command = [str(tool), "--no-logo", "--no-cache", *only]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


CONTRACTS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]


def test_imports_point_one_way() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


BROKEN = {
    "tracing_knows_an_agent": ("Rooms", "tracing/files.py", "from evokd.agents.llm.client import Teacher"),
    "student_knows_the_graph": ("Rooms", "student/protocol.py", "import evokd.graph.state"),
    "agents_know_the_student": ("Rooms", "agents/output_schemas.py", "from evokd.student.tasks.base import TaskCodec"),
    "messages_know_anything": ("Rooms", "messages/base.py", "from evokd.prompts.loader import digest"),
    "prompts_know_the_agents": ("Rooms", "prompts/loader.py", "from evokd.agents.prompt_context import PromptContext"),
    "a_room_knows_the_command_line": ("Rooms", "experiments/driver.py", "import evokd.cli.main"),
    "the_graph_knows_experiments": ("Rooms", "graph/runner.py", "import evokd.experiments.spec"),
    "a_type_alone": ("Rooms", "graph/state.py", "if TYPE_CHECKING:\n        import evokd.cli.main"),
    "the_limiter_knows_experiments": ("Rooms", "agents/llm/limiter_server.py", "import evokd.experiments.driver"),
    "the_door_knows_an_agent": ("agents: ", "agents/llm/client.py", "import evokd.agents.labeler"),
    "an_agent_knows_another": ("agents: ", "agents/labeler.py", "import evokd.agents.generator"),
    "the_door_knows_prompts": ("agents.llm", "agents/llm/parse.py", "import evokd.prompts.loader"),
    "setup_knows_a_node": ("graph: ", "graph/setup/plan.py", "import evokd.graph.nodes.gate"),
    "a_node_knows_the_routing": ("graph: ", "graph/nodes/gate.py", "import evokd.graph.routing"),
    "the_curriculum_knows_the_ledger": ("graph.curriculum", "graph/curriculum/kinds.py", "import evokd.tracing.ledger"),
    "figures_know_findings": (
        "graph.checkup",
        "graph/checkup/statistics.py",
        "import evokd.graph.checkup.findings",
    ),
    "the_pool_knows_the_ledger": ("graph.pool", "graph/pool/texts.py", "import evokd.tracing.ledger"),
    "setup_starts_a_student": ("graph.setup", "graph/setup/domain.py", "import evokd.student.process.client"),
    "a_task_knows_training": ("student: ", "student/tasks/network.py", "import evokd.student.training.train"),
    "training_knows_its_process": ("student: ", "student/training/train.py", "import evokd.student.process.serving"),
    "a_task_knows_another": (
        "student.tasks",
        "student/tasks/ner/codec.py",
        "import evokd.student.tasks.classification.codec",
    ),
    "the_seam_knows_the_registry": ("student.tasks", "student/tasks/base.py", "import evokd.student.tasks.registry"),
    "the_simulator_knows_the_student": ("simulator", "simulator/corpus.py", "import evokd.student.data"),
    "a_connection_knows_the_lock": (
        "tracing.postgres",
        "tracing/postgres/connection.py",
        "import evokd.tracing.postgres.session",
    ),
    "the_graph_knows_the_viewer": ("Rooms", "graph/runner.py", "import evokd.viewer.record"),
    "the_viewer_knows_the_student": ("viewer", "viewer/record.py", "import evokd.student.data"),
    "inference_knows_the_record": ("inference", "inference/asking.py", "import evokd.tracing.ledger"),
    "a_pool_knows_its_cluster": ("jobs: ", "jobs/pool.py", "import evokd.jobs.ray_cluster"),
    "an_experiment_knows_ray": ("ray is imported", "experiments/driver.py", "import ray"),
    "intake_knows_an_agent": ("intake knows", "intake/making.py", "import evokd.agents.labeler"),
    "a_table_knows_how_it_is_split": ("intake: ", "intake/table.py", "import evokd.intake.split"),
    "a_view_knows_a_command": ("cli: commands", "cli/views/run_page.py", "import evokd.cli.commands.show"),
    "the_review_knows_the_graph": ("review knows", "review/pending.py", "import evokd.graph.setup.run_folder"),
    "exporters_know_the_graph": ("exporters know", "exporters/source.py", "import evokd.graph.setup.run_folder"),
    "spans_know_how_they_are_sent": ("exporters: ", "exporters/spans.py", "import evokd.exporters.otlp"),
    "a_release_knows_the_graph": ("release knows", "release/facts.py", "import evokd.graph.setup.run_folder"),
    "a_card_knows_what_it_describes": ("release: ", "release/model_card.py", "import evokd.release.models"),
    "a_command_knows_the_graph": ("cli knows", "cli/commands/run.py", "from evokd.graph.runner import start_run"),
    "a_command_knows_another": ("cli: no command", "cli/commands/run.py", "import evokd.cli.commands.check"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms in a folder of their own, as the package `evokd`."""
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / "evokd" / room, ignore=shutil.ignore_patterns("__pycache__", "*.jsonl"))
    shutil.copy(ROOT / "__init__.py", folder / "evokd")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize(("contract", "place", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_a_contract_would_see_an_import_the_other_way(copy: Path, contract: str, place: str, line: str) -> None:
    path = copy / "evokd" / place
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\n\ndef _late() -> None:\n    {line}\n", encoding="utf-8")
    try:
        done = lint_imports(copy)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert any(re.match(rf"{re.escape(contract)}.* BROKEN", line) for line in done.stdout.splitlines()), done.stdout


def test_every_contract_is_seen_to_bite() -> None:
    assert {next(iter(name for name in CONTRACTS if name.startswith(start))) for start, _, _ in BROKEN.values()} == {
        *CONTRACTS
    }


# ------------------------------------------------------------------------------------------------ files and their text


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name_of)
def test_an_init_tells_what_a_room_must_not_know_and_at_most_hands_on_its_own(path: Path) -> None:
    if path.name != "__init__.py":
        assert (path.parent / "__init__.py").is_file()
        return
    module = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(module)
    assert docstring
    own = ".".join(("evokd", *path.parent.relative_to(ROOT).parts))
    for item in () if own == "evokd.api" else module.body[1:]:  # the API hands on what other rooms do, lazily
        hands_on = isinstance(item, ast.ImportFrom) and (item.module or "").startswith(f"{own}.")
        assert hands_on or (isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "__all__")
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


TASK_NAMES = re.compile(
    r"\b(classification|classifier|ner|NO_ENTITY|ENTITY_MODES|PLAIN_MODES)\b"
    r"|\b(Classification|Entity|TokenClassification)[A-Z]\w*"
    r"|['\"](entity_\w+|macro_f1|accuracy)['\"]"
)
"""Names of tasks, and of their modules, classes and metrics."""


def names_a_task(code: str) -> bool:
    return TASK_NAMES.search(ast.unparse(ast.parse(code))) is not None  # without comments


@pytest.mark.parametrize("path", sources("graph"), ids=name_of)
def test_the_graph_names_no_task(path: Path) -> None:
    assert not names_a_task(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "code",
    [
        'if codec.name == "ner": pass',
        'print("only for ner")',
        'score = metrics["entity_f1"]',
        "from evokd.student.tasks.classification.codec import ClassificationCodec",
        "def work():\n    from evokd.student.tasks import ner",
        "tasks.EntityCodec(labels)",
    ],
)
def test_the_name_of_a_task_would_be_found(code: str) -> None:
    assert names_a_task(code)


# ------------------------------------------------------------------------------------------------------- packaging


def test_every_package_is_listed_and_every_listed_one_is_there() -> None:
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    found = {
        ".".join(("evokd", *path.parent.relative_to(ROOT).parts)) for path in SHIPPED if path.name == "__init__.py"
    }
    assert sorted(listed) == sorted(found)
    assert PYPROJECT["tool"]["setuptools"]["package-dir"] == {"evokd": "."}


def test_every_data_file_is_in_a_package_and_matched_by_a_pattern() -> None:
    patterns = dict(PYPROJECT["tool"]["setuptools"]["package-data"])
    everywhere = patterns.pop("*")
    packages = {folder_of(name) for name in PYPROJECT["tool"]["setuptools"]["packages"]}
    data = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    ]
    kinds = {path.suffix for path in data}
    assert kinds >= {".md", ".sql", ".yaml", ".jsonl"}
    named = {path for package, own in patterns.items() for pattern in own for path in _glob(package, pattern)}
    rest = [path for path in data if path not in named]
    assert [name_of(path) for path in rest if path.parent not in packages] == []
    assert [name_of(path) for path in rest if not any(fnmatch(path.name, pattern) for pattern in everywhere)] == []


def _glob(package: str, pattern: str) -> Iterator[Path]:
    return folder_of(package).glob(pattern)


def folder_of(package: str) -> Path:
    return ROOT.joinpath(*package.split(".")[1:])


def test_the_installed_command_is_there() -> None:
    module, _, function = PROJECT["scripts"]["evokd"].partition(":")
    tree = ast.parse(folder_of(module).with_suffix(".py").read_text(encoding="utf-8"))
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
    local = {"evokd", *sys.stdlib_module_names}
    optional = {"pyarrow", "openpyxl", "altair", "mlflow", "opentelemetry", "requests", "google", "onnx", "onnxruntime"}
    optional |= {"psycopg", "psycopg_pool", "ray", "peft"}
    named = {plain_name(line.split(">")[0]) for line in PROJECT["dependencies"]}
    used = {module.split(".")[0] for path in SHIPPED for module in imports(path)} - local - optional
    missing = {module for module in used if plain_name(modules.get(module, module)) not in named}
    assert missing == set()
