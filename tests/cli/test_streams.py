"""What commands write where nobody reads, where there is no room, and where characters are lacking."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDE = "import sys; from evokd.cli.streams import prepare_streams, finish_output; prepare_streams(); "
TEXT = "\u201e\u20ac\u201c \u2192 \u4f60\u597d \U0001f642"


def run_python(code: str, how: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a shell that does something to its streams."""
    command = ["sh", "-c", f'"$0" -c "$1" {how}', sys.executable, PRELUDE + code]
    env = {**os.environ, **environment, "PYTHONUNBUFFERED": "", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=60)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "ascii:strict", "utf-8"])
def test_what_the_terminal_lacks_is_replaced_and_json_stays_whole(encoding: str) -> None:
    code = f"from evokd.cli.console import print_json; print({TEXT!r}); print_json({{'a': {TEXT!r}}}); finish_output()"
    done = run_python(code, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    plain, line = done.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert json.loads(line) == {"a": TEXT}
    assert plain == TEXT.encode(encoding.partition(":")[0], "replace").decode(encoding.partition(":")[0])


@pytest.mark.parametrize("how", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_at_the_start_is_there_and_no_file_gets_its_number(how: str, tmp_path: Path) -> None:
    path = tmp_path / "number"
    code = (
        "sys.stdin.read(); print('x'); sys.stderr.write(''); finish_output(); "
        f"file = open({str(path)!r}, 'w'); file.write(str(file.fileno()))"
    )
    done = run_python(code, how)
    assert (done.returncode, done.stderr) == (0, b"")
    assert int(path.read_text()) > 2


@pytest.mark.parametrize("number", [1, 2])
def test_a_pipe_that_is_closed_makes_no_noise_at_the_end(number: int) -> None:
    code = (
        "import os; read, write = os.pipe(); "
        f"os.dup2(write, {number}); os.close(write); os.close(read); "
        f"{'sys.stdout' if number == 1 else 'sys.stderr'}.write('x'); print(repr(finish_output()), file=sys.stderr)"
    )
    done = run_python(code)
    assert done.returncode == 0
    assert done.stderr == (b"BrokenPipeError(32, 'Broken pipe')\n" if number == 1 else b"")
