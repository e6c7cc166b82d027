"""The command line: parse, run a command, turn errors into one line and an exit code."""

import errno
import gc
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from evokd.cli.app import app
from evokd.cli.follow import FOLDER_NOTE, OutputClosed, RunInterrupted

# typer carries its own copy of click or uses the installed one, by version
UsageError: type[Any] = typer.BadParameter.__bases__[0]

_COLLECT_RARELY = (50_000, 20, 20)
"""New objects before Python looks for garbage, and how often it looks further back. With its own numbers that takes a
tenth of the time in which a command loads what it needs."""


def escape(message: str) -> str:
    """Escape what a terminal would obey: names of files and runs may hold anything. Line ends stay."""
    return "".join(char if char.isprintable() or char in "\n\u200c\u200d" else ascii(char)[1:-1] for char in message)


def run_cli(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    from evokd.cli.streams import finish_output, prepare_streams

    prepare_streams()
    gc.set_threshold(*_COLLECT_RARELY)
    code = _run_command(arguments)
    failed = finish_output()
    if failed is None or isinstance(failed, BrokenPipeError) or code:
        return code
    return _fail(f"standard output cannot be written ({failed.strerror})", 1)


def _run_command(arguments: list[str] | None) -> int:
    if not (sys.argv[1:] if arguments is None else arguments):
        arguments = ["--help"]
    try:
        code = int(app(arguments, prog_name=_choose_name(arguments), standalone_mode=False, obj=arguments) or 0)
        return _fail("interrupted", code) if code == 130 else code
    except typer.Exit as exc:
        return exc.exit_code
    except UsageError as exc:
        return _fail(_tell_usage(exc), 2)
    except RunInterrupted as exc:
        return _fail("interrupted" + _resume_hint(exc), exc.code)
    except (KeyboardInterrupt, typer.Abort) as exc:
        return _fail("interrupted" + _resume_hint(exc), 130)
    except OutputClosed as exc:
        return _fail(f"its output was closed{_resume_hint(exc)}", 1)
    except BrokenPipeError:
        return 0  # whoever reads has seen enough
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # what typer makes of a closed pipe
            return 0
        raise
    except Exception as exc:
        from evokd.messages import EvokdError

        if isinstance(exc, OSError) and exc.filename is None and exc.errno in (errno.ENOSPC, errno.EIO):
            # of a file of a run, `graph.io_errors` would have made an error of ours
            return _fail(f"the output cannot be written ({exc.strerror}){_resume_hint(exc)}", 1)
        if isinstance(exc, OSError) and exc.errno == errno.ENAMETOOLONG:
            return _fail(f"{str(exc.filename)[:60]}...: the name is too long for this system; give a shorter one", 2)
        if not isinstance(exc, EvokdError):
            raise
        # wrong input (2) or a run that cannot go on as asked (4) is not mended by the same command
        return _fail(str(exc) + (_resume_hint(exc) if exc.exit_code not in (2, 4) else ""), exc.exit_code)


def _tell_usage(exc: Any) -> str:
    """Say what is wrong with the arguments; a value in plain words, where the library quotes pydantic's."""
    list_faults = getattr(exc.__cause__, "errors", None)
    if list_faults is not None:
        from evokd.messages.validation import describe_fault

        fault = list_faults()[0]
        what = describe_fault(fault["type"], fault["msg"])
        exc.message = f"{what[:1].lower()}{what[1:]}, got {str(fault['input'])[:60]!r}"
    return str(exc.format_message())


def _choose_name(arguments: list[str] | None) -> str | None:
    """Name the program; None: as it was called. A shell completes the command `evokd`, not `python -m evokd`."""
    given = sys.argv[1:] if arguments is None else arguments
    return "evokd" if {"--show-completion", "--install-completion"} & {*given} else None


def _resume_hint(exc: BaseException) -> str:
    for note in getattr(exc, "__notes__", []):
        folder = note.removeprefix(FOLDER_NOTE)
        if folder not in (note, "None"):
            from evokd.cli.console import program

            has_ended = Path(folder, "summary.json").is_file()
            what = "the results are written; complete the record" if has_ended else "go on"
            return f"; {what} with: {program()} resume {folder}"
    return ""


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # standard error may be closed as well
        sys.stderr.write(f"evokd: {escape(message)}\n")
    return code
