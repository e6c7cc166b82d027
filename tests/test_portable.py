"""What other systems than Linux need: no module of POSIX alone, files that say how they are written."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evokd.cli import console
from tests.graph.toy import QUICK, write_domain
from tests.test_house import OURS, ROOT, SHIPPED, imports, name_of

POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": {
        *("chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid", "killpg"),
        *("mkfifo", "nice", "openpty", "sched_getaffinity", "sched_setaffinity", "setpgid", "setsid", "setuid"),
        *("statvfs", "sysconf", "uname", "wait", "waitpid", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"),
    },
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2"),
        *("alarm", "pause", "pthread_sigmask", "setitimer", "sigwait"),
    },
    "socket": {"AF_UNIX", "socketpair"},
    "time": {"tzset"},
}


def posix_alone(tree: ast.AST) -> list[str]:
    """Find what POSIX alone has: modules, and names that the file does not ask for before it uses them."""
    asked = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_NAMES.get(node.value.id, ()) and node.attr not in asked:
                found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Call):
            found += [word.arg for word in node.keywords if word.arg in ("preexec_fn", "pass_fds")]
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_nothing_is_used_that_posix_alone_has(path: Path) -> None:
    assert {module.split(".")[0] for module in imports(path)} & POSIX_MODULES == set()
    assert posix_alone(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code", ["os.fork()", "os.kill(pid, signal.SIGKILL)", "subprocess.Popen(program, preexec_fn=os.setsid)"]
)
def test_what_posix_alone_has_would_be_found(code: str) -> None:
    assert posix_alone(ast.parse(code)) != []
    assert posix_alone(ast.parse('if hasattr(signal, "SIGHUP"): use(signal.SIGHUP)')) == []


def text_files(tree: ast.AST) -> Iterator[tuple[ast.Call, bool]]:
    """Find calls that open text files, and whether they write."""
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}  # opens no file
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in awaited:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute):
            yield node, name == "write_text"
        elif name in ("open", "fdopen"):
            mode = next((word.value for word in node.keywords if word.arg == "mode"), None)
            modes = [item.value for item in (*node.args[:2], mode) if isinstance(item, ast.Constant)]
            found = next((item for item in modes if isinstance(item, str) and set(item) <= set("rwxabt+")), None)
            # with another first argument it is something else that is opened
            if found is None and node.args and isinstance(node.func, ast.Attribute):
                continue
            if "b" not in (found or "r"):
                yield node, (found or "r")[0] in "wxa"


def unsaid(tree: ast.AST) -> list[str]:
    """Find text files whose encoding, or when they are written whose line ends, the system would decide."""
    faults = []
    for call, writes in text_files(tree):
        given = {word.arg for word in call.keywords}
        wanted = ["encoding", *(["newline"] if writes else [])]
        faults += [f"line {call.lineno}: {word}" for word in wanted if word not in given]
    return faults


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_text_files_are_the_same_on_every_system(path: Path) -> None:
    assert unsaid(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", [path for path in OURS if "benchmarks" in path.parts], ids=name_of)
def test_text_files_of_benchmarks_say_their_encoding(path: Path) -> None:
    assert [fault for fault in unsaid(ast.parse(path.read_text(encoding="utf-8"))) if "encoding" in fault] == []


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text()",
        'path.write_text("a", encoding="utf-8")',
        'path.open("w", encoding="utf-8")',
        'open(name, "r")',
        "path.open()",
        "open(name)",
        'path.open(mode="a", newline="")',
        'os.fdopen(1, "w")',
    ],
)
def test_a_file_that_leaves_it_to_the_system_would_be_found(code: str) -> None:
    assert unsaid(ast.parse(code)) != []
    assert unsaid(ast.parse('path.open("rb"); path.read_text(encoding="utf-8"); web.open(request)')) == []


WITHOUT_POSIX = """
import builtins, importlib, pkgutil, sys
from pathlib import Path

root, args = sys.argv[1], sys.argv[2:]
lacking = {"fcntl", "grp", "pwd", "resource", "termios"}
heavy = {"torch", "transformers"}
real = builtins.__import__

def guarded(name, globals=None, *rest, **words):
    ours = str((globals or {}).get("__file__", "")).startswith(root)
    if ours and name.split(".")[0] in lacking | heavy:
        raise ImportError(f"{name} is not there", name=name.split(".")[0])
    return real(name, globals, *rest, **words)

builtins.__import__ = guarded
from evokd.cli import main
for room in ("agents", "api", "cli", "experiments", "graph", "messages", "prompts", "simulator", "student", "tracing"):
    for module in pkgutil.walk_packages([str(Path(root, room))], f"evokd.{room}."):
        try:
            importlib.import_module(module.name)
        except ImportError as exc:
            if exc.name not in heavy:  # which are everywhere, and take long
                raise
import evokd.graph.open_context
from tests.graph.toy import WordStudent
evokd.graph.open_context.StudentClient = WordStudent
sys.exit(main.run_cli(args))
"""


def test_modules_and_a_run_do_without_the_modules_of_posix(tmp_path: Path) -> None:
    domain = write_domain(tmp_path / "toy")
    args = ["run", str(domain), *QUICK, "--cycles", "1", "--runs-dir", str(tmp_path / "runs"), "--run-id", "one"]
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_POSIX, str(ROOT), *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "one" / "summary.json").is_file()


@pytest.mark.parametrize("found", ["evokd.exe", "evokd.EXE", "evokd"])
def test_the_program_is_called_by_its_name_where_the_shell_finds_it(
    found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / found).touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "evokd")])
    monkeypatch.setattr(console.shutil, "which", lambda name: str(tmp_path / found))
    assert console.program() == "evokd"


def test_a_program_on_another_drive_is_called_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(sys, "argv", [str(tmp_path / "evokd")])
    monkeypatch.setattr(console.shutil, "which", lambda name: None)
    monkeypatch.setattr(console.os.path, "relpath", refuse)
    assert console.program() == str(tmp_path / "evokd")
