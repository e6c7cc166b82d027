"""What the names after `evokd prompts diff` stand for: two runs, or a domain and perhaps a role."""

from pathlib import Path

from evokd.graph.setup.domain import find_domain, list_domains_beside, list_shipped_domains
from evokd.graph.setup.run_folder import EXAMPLE, find_run_to_show, list_run_ids
from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.messages.suggest import suggest
from evokd.prompts.loader import REPLIES

_SHOWN = 40
"""Characters of an unknown name that are shown."""
_WAYS = "give two runs, or a domain and a role"


def are_runs(first: str, second: str | None, runs_dir: Path) -> bool:
    """Say whether two runs are named, rather than a domain and perhaps a role.

    Args:
        first: a run or a domain.
        second: a run or a role; None: a domain alone is named.
        runs_dir: folder that holds the runs.

    Returns:
        True also where one of them is a run, and the other is nothing that is known: it is meant to be one as well.

    Raises:
        InputError: neither is known, or they do not belong together.
    """
    has_run, has_domain = _is_run(first, runs_dir), _is_domain(first)
    if second is None:
        if has_run and not has_domain:
            raise InputError(f"{first!r} is a run; name a second one to compare it with, or a domain instead")
        return False
    has_role = second.removesuffix(".md") in REPLIES
    if has_run and _is_run(second, runs_dir):
        return True
    if has_run and has_role and not has_domain:
        raise InputError(f"{first!r} is a run and {second!r} a role; {_WAYS}")
    if has_domain and _is_run(second, runs_dir) and not has_role:
        raise InputError(f"{first!r} is a domain and {second!r} a run; {_WAYS}")
    if has_domain or has_role:
        return False
    if not has_run and not _is_run(second, runs_dir):
        raise _explain_unknown(first, second, runs_dir)
    return True


def _is_run(name: str, runs_dir: Path) -> bool:
    try:
        find_run_to_show(name, runs_dir)
    except InputError:
        return False
    return True


def _is_domain(name: str) -> bool:
    try:
        return (find_domain(name) / "domain.yaml").is_file()
    except (InputError, OSError, ValueError):  # also a name that no file can have
        return False


def _explain_unknown(first: str, second: str, runs_dir: Path) -> InputError:
    runs = [clean(run, 100) for run in list_run_ids(runs_dir)]
    domains = [*map(str, list_domains_beside(Path(first)).values()), *list_shipped_domains()]
    firsts = suggest(first[:200], [*runs, EXAMPLE, *domains])
    seconds = suggest(second[:200], [*runs, EXAMPLE, *REPLIES])
    fault = f"{_show(first)}{firsts} is neither a run nor a domain, {_show(second)}{seconds} neither a run nor a role"
    known = f"{len(runs):,} in {runs_dir}, the last {runs[-1]}" if runs else f"none in {runs_dir}"
    return InputError(f"{fault}; give two runs ({known}), or a domain and a role ({', '.join(REPLIES)})")


def _show(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")
